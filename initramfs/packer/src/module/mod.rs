//! Kernel modules: what each says of itself, which are packed, and the table that `init` loads them by.
//!
//! `elf` finds the section, `information` reads its words, `library` reads all modules of a kernel, `selection` chooses.

mod elf;
mod information;
mod library;
mod selection;

pub use information::ModuleInformation;
pub use library::{Library, Module};
pub(crate) use library::{folder_entries, unpack};
pub use selection::{Selection, select};
