//! Every trait meets its implementation here, and nowhere else.

pub mod addresses;
mod decisions;
mod page;
mod state;

pub use decisions::CatalogDecisions;
pub use page::page;
pub use state::RunningAppliance;
