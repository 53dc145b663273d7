//! A restore over what is nearly right already.

use super::{
    Ground, drift, measure,
    recapture::{SHARE, seed},
    remove,
    report::{Bound, Report},
};
use anyhow::{Result, ensure};

/// See [`super::ALL`].
pub(super) fn play(ground: &Ground, report: &mut Report) -> Result<()> {
    let image = &ground.first.image;
    let store = ground.new_store("store")?;
    ground.capture(image, &store)?;
    drift::replace(image, &ground.first, seed(), SHARE)?;
    let used = ground.capture(image, &store)?.get("bytes_used")? as f64;
    let (target, blank) = (ground.path("target"), ground.path("blank"));
    let (delta, full) = (
        "over the previous version".to_owned(),
        "onto a blank disk".to_owned(),
    );
    let (mut fetched, mut written, mut copied) = (0, 0, 0);
    for _ in 0..ground.times {
        remove(&target)?;
        ground.restore(1, &target, &store, "off")?;
        report.add(
            &delta,
            measure(|| {
                let counts = ground.restore(2, &target, &store, "off")?;
                written = counts.get("bytes_written")?;
                copied = counts.get("bytes_copied")?;
                fetched = counts.get("bytes_stored")?;
                Ok(fetched)
            })?,
        );
        remove(&blank)?;
        report.add(
            &full,
            measure(|| ground.restore(2, &blank, &store, "off")?.get("bytes_stored"))?,
        );
    }
    let again = ground.restore(2, &target, &store, "off")?.get("bytes_written")?;
    ensure!(
        again == 0,
        "the restore over the previous version left something out"
    );
    report.print("fetched")?;
    println!("  copied on the disk itself: {:.1} MB", copied as f64 / 1e6);
    report.claim("fetched / used bytes", fetched as f64 / used, Bound::AtMost(0.03));
    report.claim("written / used bytes", written as f64 / used, Bound::AtMost(0.04));
    Ok(())
}
