//! The bytes of an image that may be split over several files and compressed.
//!
//! The kind of compression is told by the first bytes, not by the name: gzip `1F 8B`, zstd `28 B5 2F FD`, xz `FD 37 7A 58 5A`.

use crate::error::{Error, ErrorKind, Result};
use std::{
    collections::VecDeque,
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

/// Most memory that unpacking xz may take, in KiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// Opens the files, one behind the other, and unpacks them.
///
/// # Errors
/// They cannot be opened, or are compressed in a way that is not read.
pub(super) fn open(files: &[PathBuf]) -> Result<Box<dyn Read>> {
    let mut parts = Parts {
        waiting: files.iter().cloned().collect(),
        current: None,
    };
    let mut head = Vec::new();
    let name = files
        .first()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    (&mut parts)
        .take(6)
        .read_to_end(&mut head)
        .map_err(|error| Error::caused(ErrorKind::Read, format!("reading {name}"), error))?;
    let whole = BufReader::with_capacity(1 << 20, std::io::Cursor::new(head.clone()).chain(parts));
    let unread = |tool: &str| {
        Error::new(ErrorKind::Refused, format!("{name} is compressed by {tool}"))
            .with_remedy("unpack it and compress it again with zstd or gzip")
    };
    Ok(match head.as_slice() {
        [0x1F, 0x8B, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Box::new(
            zstd::stream::read::Decoder::with_buffer(whole)
                .map_err(|error| Error::io("setting up zstd", error))?,
        ),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => {
            Box::new(lzma_rust2::XzReader::new_mem_limit(whole, true, XZ_MEMORY_KIB))
        }
        [b'B', b'Z', b'h', ..] => return Err(unread("bzip2")),
        [b'L', b'Z', b'I', b'P', ..] => return Err(unread("lzip")),
        [b'L', b'R', b'Z', b'I', ..] => return Err(unread("lrzip")),
        [0x04, 0x22, 0x4D, 0x18, ..] => return Err(unread("lz4")),
        [0x89, b'L', b'Z', b'O', ..] => return Err(unread("lzop")),
        [0x5D, 0, 0, ..] => return Err(unread("lzma")),
        _ => Box::new(whole),
    })
}

/// Files read as one.
struct Parts {
    waiting: VecDeque<PathBuf>,
    current: Option<File>,
}

impl Read for Parts {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let file = match &mut self.current {
                Some(file) => file,
                None => match self.waiting.pop_front() {
                    Some(path) => self.current.insert(File::open(path)?),
                    None => return Ok(0),
                },
            };
            let length = file.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            self.current = None;
        }
    }
}
