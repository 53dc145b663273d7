//! The bytes of one partition as its filesystem sees them, read in windows.

use crate::disk::ReadAt;
use std::{cell::RefCell, ops::Range};

/// Small reads fetch this much: bitmaps, inode tables and allocation tables lie side by side.
const WINDOW_BYTES: u64 = 128 << 10;

/// A partition of a disk: offset 0 is its first byte. Remembers the last window it read.
pub struct Volume<'a> {
    disk: Disk<'a>,
    bytes: Range<u64>,
    window: RefCell<Window>,
}

enum Disk<'a> {
    Lent(&'a dyn ReadAt),
    Own(Box<dyn ReadAt + 'a>),
}

struct Window {
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Volume<'a> {
    /// The bytes `partition` of `disk`, cut to what the disk has.
    #[must_use]
    pub fn new(disk: &'a dyn ReadAt, partition: Range<u64>) -> Self {
        let end = partition.end.min(disk.len());
        Self::of(Disk::Lent(disk), partition.start.min(end)..end)
    }

    /// All bytes of a disk that only this volume has: a logical volume, put together.
    #[must_use]
    pub(super) fn whole(disk: Box<dyn ReadAt + 'a>) -> Self {
        let end = disk.len();
        Self::of(Disk::Own(disk), 0..end)
    }

    fn of(disk: Disk<'a>, bytes: Range<u64>) -> Self {
        Self {
            disk,
            bytes,
            window: RefCell::new(Window {
                start: 0,
                bytes: Vec::new(),
            }),
        }
    }

    /// Length of the partition.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }

    /// Whether it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where it lies on the disk.
    #[must_use]
    pub fn place(&self) -> Range<u64> {
        self.bytes.clone()
    }

    /// The disk it lies on.
    #[must_use]
    pub fn disk(&self) -> &(dyn ReadAt + 'a) {
        match &self.disk {
            Disk::Lent(disk) => *disk,
            Disk::Own(disk) => &**disk,
        }
    }

    /// Fills the buffer from `offset` of the partition.
    ///
    /// # Errors
    /// In words: beyond the end, or what the disk said.
    pub fn read_into(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        let length = buffer.len() as u64;
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.len());
        if !inside {
            return Err(format!(
                "{length} bytes at {offset} are beyond the end of the partition"
            ));
        }
        if length > WINDOW_BYTES / 2 {
            return self.fetch(offset, buffer);
        }
        let mut window = self.window.borrow_mut();
        let cached = window.start..window.start.saturating_add(window.bytes.len() as u64);
        if offset < cached.start || offset + length > cached.end {
            let fetched = WINDOW_BYTES.min(self.len() - offset);
            let mut bytes = std::mem::take(&mut window.bytes);
            bytes.resize(usize::try_from(fetched).unwrap_or(0), 0);
            if self.fetch(offset, &mut bytes).is_err() {
                // A bad sector in the neighbourhood must not cost what is readable.
                return self.fetch(offset, buffer);
            }
            *window = Window { start: offset, bytes };
        }
        let start = usize::try_from(offset - window.start).unwrap_or(usize::MAX);
        let bytes = start
            .checked_add(buffer.len())
            .and_then(|end| window.bytes.get(start..end));
        buffer.copy_from_slice(bytes.ok_or("a read outside its window")?);
        Ok(())
    }

    /// Reads `length` bytes from `offset` of the partition.
    ///
    /// # Errors
    /// As [`Self::read_into`].
    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        if length as u64 > self.len() {
            return Err(format!("{length} bytes at {offset} are more than the partition"));
        }
        let mut bytes = vec![0; length];
        self.read_into(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn fetch(&self, offset: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.disk()
            .read_exact_at(buffer, self.bytes.start + offset)
            .map_err(|error| error.chain())
    }
}

/// Fields of on-disk structures. Outside the bytes given a field reads as zero: the structures' lengths are checked before.
pub(super) mod field {
    fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        let slice = at.checked_add(N).and_then(|end| bytes.get(at..end));
        slice.and_then(|slice| slice.try_into().ok()).unwrap_or([0; N])
    }

    pub(in crate::filesystem) fn le16(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(array(bytes, at))
    }

    pub(in crate::filesystem) fn le32(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(array(bytes, at))
    }

    pub(in crate::filesystem) fn le64(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(array(bytes, at))
    }

    pub(in crate::filesystem) fn be16(bytes: &[u8], at: usize) -> u16 {
        u16::from_be_bytes(array(bytes, at))
    }

    pub(in crate::filesystem) fn be32(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(array(bytes, at))
    }

    pub(in crate::filesystem) fn be64(bytes: &[u8], at: usize) -> u64 {
        u64::from_be_bytes(array(bytes, at))
    }

    /// Text that ends at the first zero byte or with the bytes, trimmed; `None` if it is empty.
    pub(in crate::filesystem) fn text(bytes: &[u8]) -> Option<String> {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(&bytes[..end]).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A UUID whose bytes stand in the order they are printed; `None` if it is all zero.
    pub(in crate::filesystem) fn uuid(bytes: &[u8]) -> Option<String> {
        if bytes.len() != 16 || bytes.iter().all(|byte| *byte == 0) {
            return None;
        }
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        Some(text)
    }
}
