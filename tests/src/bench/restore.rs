//! A restore onto a blank disk.

use super::{
    Ground, measure, peer,
    peer::{ChunkStore, Partclone},
    remove,
    report::Report,
};
use crate::process::{command, run};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    path::Path,
};

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    let ours = ground.our_name()?;
    let partclone = Partclone::name()?;
    let restic = ChunkStore::Restic;
    let zstd = format!("{} -d --sparse of the whole image", peer::versions(&["zstd"])?);
    let image = &ground.first.image;
    let size = image.metadata()?.len();

    let store = ground.new_store("store")?;
    ground.capture(image, &store)?;
    let archives = ground.path("partclone");
    Partclone::prepare(image, &ground.first, archives.clone(), true)?.capture()?;
    let repository = restic.init(ground, "restic")?;
    restic.capture(ground, &repository, image, "first")?;
    let packed = ground.path("whole.zst");
    peer::zstd(image, &packed, ground.our_level()?)?;
    // Nothing is read from it any more, and what restic writes has no holes.
    remove(image)?;

    let target = ground.path("target");
    for _ in 0..ground.times {
        report.add(
            &ours,
            measure(|| ground.restore(1, &target, &store, "off")?.get("bytes_written"))?,
        );
        remove(&target)?;
        File::create(&target)?.set_len(size)?;
        let devices = Partclone::prepare(&target, &ground.first, archives.clone(), false)?;
        report.add(
            &partclone,
            measure(|| {
                devices.restore()?;
                written(&target)
            })?,
        );
        drop(devices);
        remove(&target)?;
        report.add(
            &restic.name()?,
            measure(|| {
                peer::restic_restore(ground, &repository, &target)?;
                Ok(size)
            })?,
        );
        remove(&target)?;
        report.add(
            &zstd,
            measure(|| {
                run(command(["zstd", "-q", "-d", "--sparse"])
                    .arg(&packed)
                    .arg("-o")
                    .arg(&target))?;
                written(&target)
            })?,
        );
        remove(&target)?;
    }
    report.print("written")?;
    report.faster(&ours, &partclone, 6.0)?;
    report.faster(&ours, &restic.name()?, 8.0)?;
    report.faster(&ours, &zstd, 1.5)?;
    remove(&repository)?;
    remove(&archives)?;
    on_disk(ground, &store, &packed)
}

/// Once on the machine's disk, synced and read back, beside the same bytes written there by dd.
fn on_disk(ground: &Ground, store: &Path, packed: &Path) -> Result<()> {
    let image = ground.path("whole");
    run(command(["zstd", "-q", "-d", "--sparse"])
        .arg(packed)
        .arg("-o")
        .arg(&image))?;
    let scratches = ground.tools.cache.join("scratch");
    fs::create_dir_all(&scratches)?;
    let folder = tempfile::tempdir_in(scratches).context("cannot make a scratch folder")?;
    let (target, raw) = (folder.path().join("target"), folder.path().join("raw"));
    let sample = measure(|| ground.restore(1, &target, store, "full")?.get("bytes_written"))?;
    println!(
        "  on disk: written, synced and read back in {:.2} s ({:.1} MB)",
        sample.seconds,
        sample.bytes as f64 / 1e6
    );
    let sample = measure(|| {
        run(command(["dd", "bs=4M", "conv=sparse,fsync", "status=none"])
            .arg(format!("if={}", image.display()))
            .arg(format!("of={}", raw.display())))?;
        written(&raw)
    })?;
    println!(
        "  on disk: dd, synced, not read back, in {:.2} s ({:.1} MB)",
        sample.seconds,
        sample.bytes as f64 / 1e6
    );
    Ok(())
}

/// Bytes of a file that are no holes.
fn written(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(path.metadata()?.blocks() * 512)
}
