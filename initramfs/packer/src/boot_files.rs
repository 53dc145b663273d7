//! The folder of boot files and its index, `boot-files.json`.
//!
//! ```json
//! {
//!   "format": 1,
//!   "kernel_release": "6.1.0-56-amd64",
//!   "initrd_base": { "bytes": 20185000, "blake3": "…" },
//!   "files": [ { "name": "vmlinuz", "bytes": 8225728, "blake3": "…", "origin": "linux-image-6.1.0-56-amd64 6.1.192-2" } ],
//!   "firmware": [ "rtl_nic/rtl8168h-2.fw" ],
//!   "missing_firmware": [ "bnx2/bnx2-mips-06-6.2.3.fw" ]
//! }
//! ```

use crate::{
    error::{Error, Result, read_bounded},
    initrd::{Parts, pack},
    name, overlay,
};
use serde::{Deserialize, Serialize};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// Name of the index in the folder.
pub const INDEX_NAME: &str = "boot-files.json";
/// Version of the index that this program writes and reads.
pub const BOOT_FILES_FORMAT: u32 = 1;

/// The index of a folder of boot files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFiles {
    /// [`BOOT_FILES_FORMAT`].
    pub format: u32,
    /// Release of the kernel and of the modules in the initrd.
    pub kernel_release: String,
    /// The initrd without dropped firmware.
    pub initrd_base: InitrdBase,
    /// The files, in order of their names.
    pub files: Vec<BootFile>,
    /// Firmware files in the initrd, dropped ones not counted.
    pub firmware: Vec<String>,
    /// Firmware files that a module in the initrd may ask for and that were in no folder given.
    pub missing_firmware: Vec<String>,
}

/// The beginning of the initrd, which dropped firmware leaves as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitrdBase {
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3 digest.
    pub blake3: String,
}

/// One boot file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFile {
    /// Its name in the folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3 digest.
    pub blake3: String,
    /// Where it came from: a package and its version.
    pub origin: String,
}

/// A file to be taken as it is, and where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name that it gets.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// A package and its version.
    pub origin: String,
}

/// What a folder of boot files is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// A kernel package, unpacked by `dpkg -x`.
    pub kernel: PathBuf,
    /// Its name and version.
    pub kernel_origin: String,
    /// Our init, stripped.
    pub init: PathBuf,
    /// A static busybox, if technicians shall have a shell.
    pub shell: Option<PathBuf>,
    /// Folders laid out as `/lib/firmware`.
    pub firmware: Vec<PathBuf>,
    /// Loaders, under the names of [`crate::name`]; optional ones too.
    pub loaders: Vec<Source>,
    /// zstd's level: 19 for what ships; 3 packs in a tenth of the time.
    pub level: i32,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Report {
    /// The index, as written.
    pub index: BootFiles,
    /// How many modules are in the initrd.
    pub modules: usize,
    /// Bytes of the initrd's tree once it is unpacked in the machine's memory.
    pub bytes_unpacked: u64,
}

/// Builds a folder of boot files. `firmware/` and other files in it are left alone.
///
/// # Errors
/// An input is missing or damaged, or the initrd is over its budget; the folder then is as before but for new files.
pub fn build(recipe: &Recipe, folder: &Path) -> Result<Report> {
    let kernel = read_kernel(&recipe.kernel)?;
    let initrd = pack(Parts {
        kernel: &recipe.kernel,
        init: &recipe.init,
        shell: recipe.shell.as_deref(),
        firmware: &recipe.firmware,
        level: recipe.level,
    })?;
    let mut index = BootFiles {
        format: BOOT_FILES_FORMAT,
        kernel_release: initrd.kernel_release,
        initrd_base: InitrdBase {
            bytes: length(&initrd.bytes),
            blake3: blake3::hash(&initrd.bytes).to_string(),
        },
        files: Vec::new(),
        firmware: initrd.firmware.into_iter().collect(),
        missing_firmware: initrd.missing_firmware.into_iter().collect(),
    };
    std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let mut image = initrd.bytes;
    overlay::append(folder, &mut image)?;
    let mut contents = vec![
        (name::KERNEL.to_owned(), kernel, recipe.kernel_origin.clone()),
        (
            name::INITRD.to_owned(),
            image,
            format!("amorce {}", env!("CARGO_PKG_VERSION")),
        ),
    ];
    for loader in &recipe.loaders {
        if loader.name.contains('/') || loader.name.starts_with('.') {
            return Err(Error::Name {
                path: loader.name.clone().into(),
                reason: "a boot file's name is a single word",
            });
        }
        contents.push((
            loader.name.clone(),
            read_bounded(&loader.path, FILE_MAX_LEN)?,
            loader.origin.clone(),
        ));
    }
    for (name, bytes, origin) in contents {
        replace(&folder.join(&name), &bytes)?;
        index.files.push(BootFile {
            name: name.clone(),
            bytes: 0,
            blake3: String::new(),
            origin,
        });
        index.record(&name, &bytes);
    }
    index.files.sort_by(|left, right| left.name.cmp(&right.name));
    index.write(folder)?;
    Ok(Report {
        index,
        modules: initrd.modules,
        bytes_unpacked: initrd.bytes_unpacked,
    })
}

impl BootFiles {
    /// Reads the index of a folder.
    ///
    /// # Errors
    /// There is none, or it is damaged or of another format.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(INDEX_NAME);
        let bytes = read_bounded(&path, INDEX_MAX_LEN)?;
        let index: Self = serde_json::from_slice(&bytes).map_err(|source| Error::Index {
            path: path.clone(),
            source,
        })?;
        if index.format != BOOT_FILES_FORMAT {
            return Err(Error::IndexFormat {
                path,
                found: index.format,
                expected: BOOT_FILES_FORMAT,
            });
        }
        Ok(index)
    }

    /// Puts down the length and digest of a file that the index names.
    pub(crate) fn record(&mut self, name: &str, content: &[u8]) {
        if let Some(file) = self.files.iter_mut().find(|file| file.name == name) {
            file.bytes = length(content);
            file.blake3 = blake3::hash(content).to_string();
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(INDEX_NAME);
        let mut text = serde_json::to_vec_pretty(self).map_err(|source| Error::Index {
            path: path.clone(),
            source,
        })?;
        text.push(b'\n');
        replace(&path, &text)
    }
}

const INDEX_MAX_LEN: u64 = 4 << 20;
const FILE_MAX_LEN: u64 = 256 << 20;

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The signed kernel of a package, byte for byte: its signature covers it all.
fn read_kernel(package: &Path) -> Result<Vec<u8>> {
    let release = crate::module::Library::open(package)?.release;
    let found = [
        format!("boot/vmlinuz-{release}"),
        format!("usr/lib/modules/{release}/vmlinuz"),
        "vmlinuz".into(),
    ]
    .into_iter()
    .map(|relative| package.join(relative))
    .find(|path| path.is_file());
    let path = found.ok_or_else(|| Error::NoKernel {
        folder: package.to_owned(),
        what: "boot/vmlinuz",
    })?;
    read_bounded(&path, FILE_MAX_LEN)
}

/// Writes a file beside its place, makes it durable and moves it there: readers see the old one or the new one, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(Error::file("write", path))
}
