//! A second master, installed separately.

use super::{
    Ground, cut_out, drift, measure,
    peer::ChunkStore,
    remove,
    report::{Bound, Report},
};
use crate::{
    attachment::{FileSystem, Mounted},
    desktop::DesktopMaster,
    master::Extent,
    process::{command, run},
};
use anyhow::{Context, Result};
use std::{collections::HashSet, fs::File, io::Write, path::Path};

/// See [`super::ALL`]. Bytes are the same in every round, so there is one.
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    let second = ground.second()?;
    let place = |master: &DesktopMaster, what| match what {
        FileSystem::Ext4 => master.linux,
        FileSystem::Ntfs => master.windows,
    };
    for what in [FileSystem::Ext4, FileSystem::Ntfs] {
        println!("  {what:?}:");
        let (from, to) = (ground.path("first.part"), ground.path("second.part"));
        cut_out(&ground.first.image, place(&ground.first, what), &from)?;
        cut_out(&second.image, place(&second, what), &to)?;
        let ideal = ideal(ground, what, &from, &to)? as f64;
        println!("  the files not in the first, at zstd -3: {:.1} MB", ideal / 1e6);
        let ours = format!("{what:?}: {}", ground.our_name()?);
        let store = ground.new_store("store")?;
        ground.capture(&from, &store)?;
        report.add(
            &ours,
            measure(|| ground.capture(&to, &store)?.get("bytes_stored"))?,
        );
        remove(&store)?;
        for tool in ChunkStore::ALL {
            let repository = tool.init(ground, "repository")?;
            tool.capture(ground, &repository, &from, "first")?;
            report.add(
                &format!("{what:?}: {}", tool.name()?),
                measure(|| tool.capture(ground, &repository, &to, "second"))?,
            );
            remove(&repository)?;
        }
        remove(&from)?;
        remove(&to)?;
        let new = report.median(&ours)?.bytes as f64;
        report.claim(
            &format!("{what:?}: new bytes / ideal"),
            new / ideal,
            Bound::AtMost(1.2),
        );
        for (tool, at_most) in ChunkStore::ALL.into_iter().zip([0.5, 1.0, 0.7]) {
            let peer = report.median(&format!("{what:?}: {}", tool.name()?))?;
            report.claim(
                &format!("{what:?}: new bytes / {}", tool.name()?),
                new / peer.bytes as f64,
                Bound::AtMost(at_most),
            );
        }
    }
    report.print("new")
}

/// Bytes of a tar archive, at zstd -3, of the files whose content the first does not have.
fn ideal(ground: &Ground, what: FileSystem, first: &Path, second: &Path) -> Result<u64> {
    let mount = |file: &Path| -> Result<Mounted> {
        let whole = Extent {
            offset: 0,
            length: file.metadata()?.len(),
        };
        Mounted::mount(what, file, whole.offset, whole.length, true)
    };
    let mut known = HashSet::new();
    digests(mount(first)?.path(), |digest, _| {
        known.insert(digest);
        Ok(())
    })?;
    let names = ground.path("names");
    let mut list = File::create(&names)?;
    let mounted = mount(second)?;
    digests(mounted.path(), |digest, path| {
        if known.insert(digest) {
            list.write_all(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?;
            list.write_all(b"\0")?;
        }
        Ok(())
    })?;
    let text = run(command([
        "bash",
        "-c",
        "set -o pipefail; tar --create --directory \"$1\" --null --no-recursion --verbatim-files-from --files-from \"$2\" | zstd -q -3 -T2 | wc -c",
        "bash",
    ])
    .arg(mounted.path())
    .arg(&names))?;
    text.trim().parse().context("wc printed no number")
}

/// Calls `each` with the hash of every file's content and its path below `top`.
fn digests(top: &Path, mut each: impl FnMut(blake3::Hash, &Path) -> Result<()>) -> Result<()> {
    let mut files = Vec::new();
    drift::list(top, top, &mut files)?;
    for (path, _) in files {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(top.join(&path))?)?;
        each(hasher.finalize(), &path)?;
    }
    Ok(())
}
