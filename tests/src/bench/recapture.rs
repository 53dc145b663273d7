//! The same disk some weeks later.

use super::{
    Ground, copy_sparse, drift, measure,
    peer::{ChunkStore, Partclone},
    remove,
    report::{Bound, Report},
};
use anyhow::Result;

/// Share of the files' bytes that is replaced.
pub(super) const SHARE: f64 = 0.02;

/// Decides which files; another one each day, printed so that a day can be repeated.
pub(super) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = std::env::var("AMORCE_BENCH_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| now.map_or(1, |duration| duration.as_secs() / 86_400));
    println!("  seed {seed} (AMORCE_BENCH_SEED takes another)");
    seed
}

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    let ours = ground.our_name()?;
    let restic = ChunkStore::Restic;
    let partclone = Partclone::name()?;
    let image = &ground.first.image;
    let store = ground.new_store("store")?;
    ground.capture(image, &store)?;
    let repository = restic.init(ground, "restic")?;
    restic.capture(ground, &repository, image, "first")?;

    // In place: restic knows a file by its path.
    let changed = drift::replace(image, &ground.first, seed(), SHARE)?;
    println!("  files of {:.1} MB replaced", changed as f64 / 1e6);
    let peer = Partclone::prepare(image, &ground.first, ground.path("partclone"), true)?;
    let mut bytes_new = 0;
    for _ in 0..ground.times {
        let again = ground.path("again");
        copy_sparse(&store, &again)?;
        report.add(
            &ours,
            measure(|| {
                let counts = ground.capture(image, &again)?;
                bytes_new = counts.get("bytes_new")?;
                counts.get("bytes_stored")
            })?,
        );
        remove(&again)?;
        copy_sparse(&repository, &again)?;
        report.add(
            &restic.name()?,
            measure(|| restic.capture(ground, &again, image, "second"))?,
        );
        remove(&again)?;
        report.add(&partclone, measure(|| peer.capture())?);
    }
    report.print("stored")?;
    report.claim(
        "new bytes / bytes of the replaced files",
        bytes_new as f64 / changed as f64,
        Bound::AtMost(1.15),
    );
    report.faster(&ours, &restic.name()?, 5.0)?;
    report.faster(&ours, &partclone, 8.0)
}
