//! The few system calls that block devices and sparse files need.

use crate::error::{Error, Result};
use nix::unistd::{Whence, lseek};
use std::{fs::File, io, ops::Range, os::fd::AsRawFd, path::Path};

mod call {
    // linux/fs.h: BLKGETSIZE64, BLKSSZGET, BLKZEROOUT, BLKDISCARD, BLKFLSBUF, BLKROGET
    nix::ioctl_read!(block_size_64, 0x12, 114, usize);
    nix::ioctl_read_bad!(sector_size, nix::request_code_none!(0x12, 104), nix::libc::c_int);
    nix::ioctl_write_ptr_bad!(zero_out, nix::request_code_none!(0x12, 127), [u64; 2]);
    nix::ioctl_write_ptr_bad!(discard, nix::request_code_none!(0x12, 119), [u64; 2]);
    nix::ioctl_none_bad!(flush_buffers, nix::request_code_none!(0x12, 97));
    nix::ioctl_read_bad!(read_only, nix::request_code_none!(0x12, 94), nix::libc::c_int);
}

/// Size of a block device in bytes.
pub(crate) fn size(file: &File, path: &Path) -> Result<u64> {
    let mut bytes = 0usize;
    #[expect(unsafe_code, reason = "the size of a device is asked by an ioctl")]
    // SAFETY: the descriptor is open and the kernel writes one u64 into `bytes`, which outlives the call.
    unsafe { call::block_size_64(file.as_raw_fd(), &raw mut bytes) }
        .map_err(|error| Error::io(format!("asking for the size of {}", path.display()), error.into()))?;
    Ok(bytes as u64)
}

/// Logical sector size of a block device in bytes.
pub(crate) fn sector_size(file: &File, path: &Path) -> Result<u32> {
    let mut bytes = 0;
    #[expect(unsafe_code, reason = "the sector size of a device is asked by an ioctl")]
    // SAFETY: the descriptor is open and the kernel writes one int into `bytes`, which outlives the call.
    unsafe { call::sector_size(file.as_raw_fd(), &raw mut bytes) }.map_err(|error| {
        Error::io(
            format!("asking for the sector size of {}", path.display()),
            error.into(),
        )
    })?;
    u32::try_from(bytes).map_err(|_| {
        Error::new(
            crate::error::ErrorKind::Io,
            format!("{} names the impossible sector size {bytes}", path.display()),
        )
    })
}

/// Whether the kernel refuses writes to a block device, even one that it opens for writing.
pub(crate) fn is_read_only(file: &File, path: &Path) -> Result<bool> {
    let mut answer = 0;
    #[expect(
        unsafe_code,
        reason = "whether a device may be written to is asked by an ioctl"
    )]
    // SAFETY: the descriptor is open and the kernel writes one int into `answer`, which outlives the call.
    unsafe { call::read_only(file.as_raw_fd(), &raw mut answer) }.map_err(|error| {
        Error::io(
            format!("asking whether {} may be written to", path.display()),
            error.into(),
        )
    })?;
    Ok(answer != 0)
}

/// Makes a range of a block device read as zeros.
pub(crate) fn zero_out(file: &File, range: Range<u64>) -> io::Result<()> {
    let argument = [range.start, range.end - range.start];
    #[expect(unsafe_code, reason = "zeroing a range of a device is an ioctl")]
    // SAFETY: the descriptor is open and the kernel only reads the two words.
    unsafe { call::zero_out(file.as_raw_fd(), &raw const argument) }?;
    Ok(())
}

/// Tells a block device that a range has no meaning any more.
pub(crate) fn discard(file: &File, range: Range<u64>) -> io::Result<()> {
    let argument = [range.start, range.end - range.start];
    #[expect(unsafe_code, reason = "discarding a range of a device is an ioctl")]
    // SAFETY: the descriptor is open and the kernel only reads the two words.
    unsafe { call::discard(file.as_raw_fd(), &raw const argument) }?;
    Ok(())
}

/// Drops what the kernel keeps of a block device, so that reading asks the medium.
pub(crate) fn flush_buffers(file: &File) -> io::Result<()> {
    #[expect(unsafe_code, reason = "dropping a device's buffers is an ioctl")]
    // SAFETY: the descriptor is open; the call has no argument.
    unsafe { call::flush_buffers(file.as_raw_fd()) }?;
    Ok(())
}

/// The next range of a sparse file at or behind `offset` that is no hole.
pub(crate) fn next_data(file: &File, offset: u64, length: u64) -> Option<Range<u64>> {
    if offset >= length {
        return None;
    }
    let everything = Some(offset..length);
    let Ok(from) = i64::try_from(offset) else {
        return everything;
    };
    let start = match lseek(file, from, Whence::SeekData) {
        Ok(start) => start,
        Err(nix::errno::Errno::ENXIO) => return None,
        // A filesystem that knows no holes.
        Err(_) => return everything,
    };
    let end = lseek(file, start, Whence::SeekHole).map_or(length, |end| u64::try_from(end).unwrap_or(length));
    let start = u64::try_from(start).unwrap_or(offset).max(offset);
    (start < end.min(length)).then(|| start..end.min(length))
}
