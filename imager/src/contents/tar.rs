//! A folder of a master as a tar stream (POSIX pax interchange format, IEEE Std 1003.1, "pax").
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 0 | 100 | name |
//! | 100 | 8 | permission bits, octal digits and a zero byte; so 108 owner, 116 group |
//! | 124 | 12 | length, the same way; 136 last change, seconds since 1970 |
//! | 148 | 8 | sum of the header's bytes, these taken as spaces: six octal digits, zero, space |
//! | 156 | 1 | kind: `0` file, `2` link, `5` folder, `x` records for the next header |
//! | 157 | 100 | target of a link |
//! | 257 | 8 | `ustar`, zero, `00` |
//!
//! A record is `length key=value` and a line feed, the length counting all of it. Names and targets longer than their fields
//! or not ASCII, lengths from 8 GiB on and owners from 2 Mi on go into records. Everything is padded to 512 bytes; two
//! blocks of zeros end the stream. Hard links become files of their own.

use super::{
    extract::{Extracted, refuse_longer_than, write_contents},
    walk::{Going, Step, show_path, walk},
};
use crate::{
    error::{Error, ErrorKind, Result},
    filesystem::{FileTree, Metadata, NodeId, NodeKind},
};
use std::io::Write;

const BLOCK: usize = 512;

/// Writes everything below a folder as a tar stream. What cannot be opened is noted and left out.
///
/// # Errors
/// Writing failed, or a file failed in its middle: a stream cannot take back what it began.
pub fn write_tar(
    tree: &dyn FileTree,
    folder: NodeId,
    disk_bytes: u64,
    out: &mut dyn Write,
) -> Result<Extracted> {
    let mut done = Extracted::default();
    walk(tree, folder, &mut |step| {
        let (path, node, metadata) = match step {
            Step::Problem { path, error } => {
                done.note(path, &error);
                return Ok(Going::On);
            }
            Step::Node { path, node, metadata } => (path, node, metadata),
        };
        let opened = match metadata.kind {
            NodeKind::Folder => put_header(out, path, &metadata, b'5', 0, b"").map(|()| done.folders += 1),
            NodeKind::Link => match tree.link_target(node) {
                Ok(target) => put_header(out, path, &metadata, b'2', 0, &target).map(|()| done.links += 1),
                Err(error) => {
                    done.note(show_path(path), &error);
                    Ok(())
                }
            },
            NodeKind::Special => {
                done.note(
                    show_path(path),
                    &Error::new(ErrorKind::Refused, "a device or a pipe"),
                );
                Ok(())
            }
            NodeKind::File => match tree.open(node) {
                Ok(contents) => match refuse_longer_than(disk_bytes, contents.len()) {
                    Ok(()) => {
                        put_header(out, path, &metadata, b'0', contents.len(), b"")?;
                        write_contents(&*contents, out).map_err(|error| {
                            Error::new(error.kind(), format!("copying {}", show_path(path)))
                                .with_source(error)
                        })?;
                        done.files += 1;
                        done.bytes += contents.len();
                        pad(out, contents.len())
                    }
                    Err(error) => {
                        done.note(show_path(path), &error);
                        Ok(())
                    }
                },
                Err(error) => {
                    done.note(show_path(path), &error);
                    Ok(())
                }
            },
        };
        opened.map(|()| Going::On)
    })?;
    put(out, &[0; 2 * BLOCK])?;
    Ok(done)
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes)
        .map_err(|error| Error::caused(ErrorKind::Write, "writing the tar stream", error))
}

fn pad(out: &mut dyn Write, length: u64) -> Result<()> {
    let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    put(out, &[0; BLOCK][..(BLOCK - over) % BLOCK])
}

fn put_header(
    out: &mut dyn Write,
    path: &[u8],
    metadata: &Metadata,
    kind: u8,
    length: u64,
    target: &[u8],
) -> Result<()> {
    let mut name = path.to_vec();
    if kind == b'5' {
        name.push(b'/');
    }
    let mut records = Vec::new();
    let fits = |text: &[u8]| text.len() <= 100 && text.is_ascii();
    if !fits(&name) {
        add_record(&mut records, "path", &name);
    }
    if !fits(target) {
        add_record(&mut records, "linkpath", target);
    }
    if length >= 1 << 33 {
        add_record(&mut records, "size", length.to_string().as_bytes());
    }
    let (owner, group) = metadata.owner.unwrap_or((0, 0));
    for (key, value) in [("uid", owner), ("gid", group)] {
        if value >= 1 << 21 {
            add_record(&mut records, key, value.to_string().as_bytes());
        }
    }
    let milliseconds = metadata.modified_unix_ms.unwrap_or(0);
    let seconds = milliseconds.div_euclid(1000);
    if !(0..1 << 33).contains(&seconds) {
        add_record(&mut records, "mtime", seconds.to_string().as_bytes());
    }
    if !records.is_empty() {
        let own = header(b"pax", 0o644, (0, 0), records.len() as u64, 0, b'x', b"");
        put(out, &own)?;
        put(out, &records)?;
        pad(out, records.len() as u64)?;
    }
    let mode = metadata.mode.unwrap_or(if kind == b'5' { 0o755 } else { 0o644 });
    let time = u64::try_from(seconds).unwrap_or(0);
    put(
        out,
        &header(&name, mode, (owner, group), length, time, kind, target),
    )
}

fn add_record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    // The length counts its own digits.
    let rest = 1 + key.len() + 1 + value.len() + 1;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn header(
    name: &[u8],
    mode: u32,
    owner: (u32, u32),
    length: u64,
    seconds: u64,
    kind: u8,
    target: &[u8],
) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut text = |at: usize, room: usize, bytes: &[u8]| {
        let length = bytes.len().min(room);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    let octal = |digits: usize, value: u64| {
        let highest = (1u64 << (3 * digits)) - 1;
        format!("{:0digits$o}", if value > highest { 0 } else { value })
    };
    text(0, 100, name);
    text(100, 7, octal(7, u64::from(mode & 0o7777)).as_bytes());
    text(108, 7, octal(7, u64::from(owner.0)).as_bytes());
    text(116, 7, octal(7, u64::from(owner.1)).as_bytes());
    text(124, 11, octal(11, length).as_bytes());
    text(136, 11, octal(11, seconds).as_bytes());
    text(148, 8, b"        ");
    text(156, 1, &[kind]);
    text(157, 100, target);
    text(257, 8, b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}
