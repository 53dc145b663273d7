//! All modules of an unpacked kernel package, read when they are asked for.

use super::{elf::find_section, information::ModuleInformation};
use crate::error::{Error, Result, read_bounded};
use protocol::module_table::normalise_alias;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

/// The modules of one kernel.
#[derive(Debug)]
pub struct Library {
    /// The kernel's release: `6.1.0-56-amd64`.
    pub release: String,
    /// `lib/modules/RELEASE` in the package.
    folder: PathBuf,
    /// Path of each module below the folder, by its normalised name.
    paths: BTreeMap<String, PathBuf>,
    /// Names of what is built into the kernel.
    built_in: BTreeSet<String>,
}

/// One module, unpacked.
#[derive(Clone, Debug)]
pub struct Module {
    /// Normalised name.
    pub name: String,
    /// Path below the release's folder, ending in `.ko` whatever it was compressed with.
    pub path: String,
    /// Its plain bytes, signature included.
    pub bytes: Vec<u8>,
    /// What it says of itself.
    pub information: ModuleInformation,
}

/// No module of any kernel comes near this, plain or compressed.
const MODULE_MAX_LEN: u64 = 64 << 20;
/// `modules.builtin` has some hundred lines.
const LIST_MAX_LEN: u64 = 4 << 20;

impl Library {
    /// Lists the modules of a package unpacked by `dpkg -x`.
    ///
    /// # Errors
    /// The folder has no modules, several kernels' modules, or cannot be read.
    pub fn open(package: &Path) -> Result<Self> {
        let missing = |what| Error::NoKernel {
            folder: package.to_owned(),
            what,
        };
        let parent = ["lib/modules", "usr/lib/modules"]
            .iter()
            .map(|folder| package.join(folder))
            .find(|folder| folder.is_dir())
            .ok_or_else(|| missing("lib/modules"))?;
        let releases = folder_entries(&parent)?;
        let [folder] = releases.as_slice() else {
            return Err(missing("single folder below lib/modules"));
        };
        let release = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if release.is_empty() || release.contains(char::is_whitespace) {
            return Err(missing("release name that we can read"));
        }
        let mut paths = BTreeMap::new();
        find_modules(folder, folder, 0, &mut paths)?;
        if paths.is_empty() {
            return Err(missing("kernel modules"));
        }
        let list = folder.join("modules.builtin");
        let list = read_bounded(&list, LIST_MAX_LEN)?;
        let built_in = String::from_utf8_lossy(&list)
            .lines()
            .filter_map(|line| module_name(Path::new(line)))
            .collect();
        Ok(Self {
            release,
            folder: folder.clone(),
            paths,
            built_in,
        })
    }

    /// Names and paths of all modules, in order of their names.
    pub fn modules(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.paths
            .iter()
            .map(|(name, path)| (name.as_str(), path.as_path()))
    }

    /// Whether the kernel holds this module in itself.
    #[must_use]
    pub fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// Whether there is a module of this normalised name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.paths.contains_key(name)
    }

    /// Reads and unpacks a module, or `None` if there is none of that name.
    ///
    /// # Errors
    /// The file cannot be read, unpacked or understood.
    pub fn read(&self, name: &str) -> Result<Option<Module>> {
        let Some(relative) = self.paths.get(name) else {
            return Ok(None);
        };
        let file = self.folder.join(relative);
        let bytes = unpack(&file, read_bounded(&file, MODULE_MAX_LEN)?)?;
        let section = find_section(&bytes, ".modinfo").map_err(|reason| Error::Module {
            path: file.clone(),
            reason,
        })?;
        let information = ModuleInformation::parse(section);
        let text = relative.to_str().ok_or(Error::Name {
            path: file,
            reason: "its name is not UTF-8",
        })?;
        let end = text.find(".ko").map_or(text.len(), |at| at + ".ko".len());
        Ok(Some(Module {
            name: name.to_owned(),
            path: text[..end].to_owned(),
            bytes,
            information,
        }))
    }
}

/// `…/e1000e.ko.xz` → `e1000e`.
fn module_name(path: &Path) -> Option<String> {
    let file = path.file_name()?.to_str()?;
    let (name, rest) = file.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst").then(|| normalise_alias(name))
}

/// Folders deeper than this are no kernel's.
const DEPTH_MAX: usize = 12;

fn find_modules(
    root: &Path,
    folder: &Path,
    depth: usize,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    if depth > DEPTH_MAX {
        return Ok(());
    }
    for path in folder_entries(folder)? {
        // `build` and `source` are links to elsewhere; modules and their folders never are.
        let kind = std::fs::symlink_metadata(&path)
            .map_err(Error::file("look at", &path))?
            .file_type();
        if kind.is_dir() {
            find_modules(root, &path, depth + 1, found)?;
        } else if let (true, Some(name)) = (kind.is_file(), module_name(&path))
            && let Ok(relative) = path.strip_prefix(root)
        {
            found.insert(name, relative.to_owned());
        }
    }
    Ok(())
}

/// What is in a folder, in order.
pub(crate) fn folder_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(Error::file("list", folder))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry.map_err(Error::file("list", folder))?.path()))
        .collect::<Result<_>>()?;
    paths.sort_unstable();
    Ok(paths)
}

/// Unpacks `.xz` and `.zst`; leaves everything else as it is.
pub(crate) fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = MODULE_MAX_LEN + 1;
    let read = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => lzma_rust2::XzReader::new(bytes.as_slice(), true)
            .take(limit)
            .read_to_end(&mut plain),
        Some("zst") => {
            zstd::Decoder::new(bytes.as_slice()).and_then(|reader| reader.take(limit).read_to_end(&mut plain))
        }
        _ => return Ok(bytes),
    };
    let length = read.map_err(Error::file("unpack", path))?;
    let bytes = u64::try_from(length).unwrap_or(u64::MAX);
    if bytes > MODULE_MAX_LEN {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            bytes,
            limit: MODULE_MAX_LEN,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::module::elf::tests::elf_with_modinfo;

    #[test]
    fn modules_are_listed_by_their_normalised_names_and_read_however_compressed() {
        let package = tempfile::tempdir().unwrap();
        let folder = package.path().join("lib/modules/6.1.0-test/kernel/drivers/net");
        std::fs::create_dir_all(&folder).unwrap();
        let elf = elf_with_modinfo(b"depends=mii\0alias=pci:v1*\0");
        std::fs::write(folder.join("plain-one.ko"), &elf).unwrap();
        std::fs::write(
            folder.join("packed.ko.zst"),
            zstd::encode_all(elf.as_slice(), 3).unwrap(),
        )
        .unwrap();
        std::fs::write(folder.join("readme.txt"), "no module").unwrap();
        std::fs::write(
            package.path().join("lib/modules/6.1.0-test/modules.builtin"),
            "kernel/fs/nls/nls-base.ko\n",
        )
        .unwrap();
        let library = Library::open(package.path()).unwrap();
        assert_eq!(library.release, "6.1.0-test");
        assert_eq!(
            library.modules().map(|(name, _)| name).collect::<Vec<_>>(),
            ["packed", "plain_one"]
        );
        assert!(library.is_built_in("nls_base"));
        for name in ["packed", "plain_one"] {
            let module = library.read(name).unwrap().unwrap();
            assert_eq!(module.bytes, elf);
            assert!(
                module.path.ends_with(".ko") && module.path.starts_with("kernel/"),
                "{}",
                module.path
            );
            assert_eq!(module.information.needs, ["mii"]);
        }
        assert!(library.read("other").unwrap().is_none());
    }

    #[test]
    fn a_folder_that_is_no_kernel_package_is_refused_with_the_remedy() {
        let package = tempfile::tempdir().unwrap();
        let error = Library::open(package.path()).unwrap_err().to_string();
        assert!(
            error.contains("lib/modules") && error.contains("dpkg -x"),
            "{error}"
        );
    }
}
