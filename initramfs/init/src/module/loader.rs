//! Gives modules to the kernel.

use super::order::Index;
use nix::{errno::Errno, kmod::ModuleInitFlags};
use protocol::module_table::{MODULE_TABLE_PATH, ModuleTable, ModuleTableError};
use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::{Path, PathBuf},
};

/// Loads modules by name or alias, each once.
#[derive(Debug)]
pub struct Loader {
    index: Index,
    folder: PathBuf,
    done: BTreeSet<usize>,
}

/// What became of one module.
#[derive(Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// Whether it is loaded now.
    pub result: Result<(), LoadError>,
}

/// Why a module is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The table or a module cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The table is of another version.
    #[error(transparent)]
    Table(#[from] ModuleTableError),
    /// The kernel does not take it.
    #[error("the kernel refuses it: {0}")]
    Refused(Errno),
}

impl Loader {
    /// Reads the table of the initrd.
    ///
    /// # Errors
    /// There is none, or it is of another version.
    pub fn open() -> Result<Self, LoadError> {
        let path = PathBuf::from(MODULE_TABLE_PATH);
        let text = std::fs::read_to_string(&path).map_err(|source| LoadError::Read { path, source })?;
        let table = ModuleTable::parse(&text)?;
        let folder = Path::new("/lib/modules").join(&table.kernel_release);
        Ok(Self {
            index: Index::new(table),
            folder,
            done: BTreeSet::new(),
        })
    }

    /// Loads whatever drives this alias, or the module of this name, and what it needs. Empty if there is nothing.
    pub fn load(&mut self, wish: &str) -> Vec<Outcome> {
        let order = self.index.order(wish);
        let mut outcomes = Vec::new();
        for number in order {
            let Some(module) = self.index.table().modules.get(number) else {
                continue;
            };
            let name = module.name.clone();
            let result = if self.done.insert(number) {
                self.give(&module.path)
            } else {
                Ok(())
            };
            outcomes.push(Outcome { name, result });
        }
        outcomes
    }

    /// How many modules were given to the kernel, or were there already.
    #[must_use]
    pub fn loaded(&self) -> usize {
        self.done.len()
    }

    fn give(&self, relative: &str) -> Result<(), LoadError> {
        let path = self.folder.join(relative);
        let file = File::open(&path).map_err(|source| LoadError::Read { path, source })?;
        match nix::kmod::finit_module(&file, c"", ModuleInitFlags::empty()) {
            // Somebody else was quicker: the kernel asks for modules on its own. No such device: this machine lacks what
            // the module is for, an instruction or the firmware's variables.
            Ok(()) | Err(Errno::EEXIST | Errno::ENODEV) => Ok(()),
            Err(error) => Err(LoadError::Refused(error)),
        }
    }
}
