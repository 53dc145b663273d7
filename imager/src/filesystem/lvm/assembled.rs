//! A logical volume as a disk of its own, put together from its extents.

use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    filesystem::{FileExtent, FileExtents, Ranges},
};
use std::{
    borrow::Cow,
    ops::{ControlFlow, Range},
};

/// Bytes of a logical volume that lie in one piece on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where they begin in the logical volume.
    pub logical: u64,
    /// Where they begin on the disk.
    pub disk: u64,
    pub length: u64,
}

/// A logical volume of a disk.
pub(super) struct Assembled<'a> {
    disk: &'a dyn ReadAt,
    pieces: Cow<'a, [Piece]>,
}

impl<'a> Assembled<'a> {
    /// Takes pieces in the order of the logical volume, without gaps.
    pub(super) fn new(disk: &'a dyn ReadAt, pieces: impl Into<Cow<'a, [Piece]>>) -> Self {
        Self {
            disk,
            pieces: pieces.into(),
        }
    }
}

impl ReadAt for Assembled<'_> {
    fn len(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.logical + piece.length)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let length = buffer.len() as u64;
        let end = offset.checked_add(length).filter(|end| *end <= self.len());
        let end = end.ok_or_else(|| {
            let what = format!(
                "reading {length} bytes at {offset} of a logical volume of {} bytes",
                self.len()
            );
            Error::new(ErrorKind::Read, what)
        })?;
        let mut rest = buffer;
        for piece in to_disk(&self.pieces, offset..end) {
            // At most the length of the buffer.
            let (now, later) = rest.split_at_mut((piece.length) as usize);
            self.disk.read_exact_at(now, piece.disk)?;
            rest = later;
        }
        Ok(())
    }

    fn sector_size(&self) -> u32 {
        self.disk.sector_size()
    }
}

/// Where bytes of the logical volume are on the disk.
pub(super) fn to_disk(pieces: &[Piece], range: Range<u64>) -> impl Iterator<Item = Piece> {
    let first = pieces.partition_point(|piece| piece.logical + piece.length <= range.start);
    pieces[first..].iter().map_while(move |piece| {
        let start = range.start.max(piece.logical);
        let end = range.end.min(piece.logical + piece.length);
        (start < end).then(|| Piece {
            logical: start,
            disk: piece.disk + (start - piece.logical),
            length: end - start,
        })
    })
}

/// The same for a set.
pub(super) fn ranges_to_disk(pieces: &[Piece], ranges: &Ranges) -> Ranges {
    let on_disk = ranges.iter().flat_map(|range| to_disk(pieces, range.clone()));
    Ranges::from_unsorted(
        on_disk
            .map(|piece| piece.disk..piece.disk + piece.length)
            .collect(),
    )
}

/// The files of all logical volumes that have a filesystem.
pub(super) struct VolumeFiles {
    /// The physical volume: what lies on another is that one's.
    pub place: Range<u64>,
    pub volumes: Vec<(Vec<Piece>, u32, Box<dyn FileExtents>)>,
}

impl FileExtents for VolumeFiles {
    fn walk(&self, disk: &dyn ReadAt, visit: &mut dyn FnMut(FileExtent) -> ControlFlow<()>) -> Result<()> {
        for ((pieces, block_bytes, files), number) in self.volumes.iter().zip(0u64..) {
            let mut flow = ControlFlow::Continue(());
            let assembled = Assembled::new(disk, pieces.as_slice());
            files.walk(&assembled, &mut |extent| {
                let length = extent
                    .length_bytes
                    .checked_next_multiple_of(u64::from((*block_bytes).max(1)));
                let end = extent
                    .disk_offset
                    .saturating_add(length.unwrap_or(extent.length_bytes));
                for piece in to_disk(pieces, extent.disk_offset..end.min(assembled.len())) {
                    if piece.disk < self.place.start || piece.disk + piece.length > self.place.end {
                        continue;
                    }
                    flow = visit(FileExtent {
                        // Two filesystems number their files alike.
                        file: extent.file ^ number << 48,
                        logical_offset: extent.logical_offset + (piece.logical - extent.disk_offset),
                        disk_offset: piece.disk,
                        length_bytes: piece.length,
                    });
                    flow?;
                }
                flow
            })?;
            if flow.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}
