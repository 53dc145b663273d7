//! Every trait meets its implementation here, and nowhere else.

mod decisions;
mod page;

pub use decisions::CatalogDecisions;
pub use page::page;
