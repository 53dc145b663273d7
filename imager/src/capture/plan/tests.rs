use super::*;
use crate::synthetic::gpt_disk;

fn extents(list: &[(u64, u64, u64)]) -> Extents {
    let mut extents = Extents::default();
    for (disk, length, logical) in list {
        assert!(extents.push(*disk, *length, *logical));
    }
    extents.finish();
    extents
}

fn cuts(extents: &Extents, range: Range<u64>) -> Vec<u64> {
    let mut walk = extents.walk();
    let mut cuts = Vec::new();
    let mut position = range.start;
    while position < range.end {
        let end = next_file_cut(walk.around(position), position, 0).min(range.end);
        assert!(end > position, "a cut must go on");
        cuts.push(end);
        position = end;
    }
    cuts
}

#[test]
fn files_are_cut_at_their_start_and_at_multiples_counted_in_the_file() {
    const K: u64 = 1024;
    // A small file, then 4 KiB of metadata, then a large file that goes on elsewhere in the middle of a multiple.
    let list = extents(&[(0, 8 * K, 0), (12 * K, 300 * K, 0), (400 * K, 300 * K, 300 * K)]);
    assert_eq!(
        cuts(&list, 0..700 * K),
        [
            8 * K,
            12 * K,
            (12 + 256) * K,
            312 * K,
            320 * K,
            336 * K,
            352 * K,
            368 * K,
            384 * K,
            400 * K,
            (400 + 212) * K,
            700 * K
        ]
    );
}

#[test]
fn extents_that_overlap_or_lie_still_give_cuts_that_go_on() {
    let list = extents(&[
        (0, 100, 5),
        (50, 100, 0),
        (50, 20, 0),
        (60, u64::MAX - 60, 7),
        (1000, 0, 3),
    ]);
    assert_eq!(*cuts(&list, 0..5000).last().unwrap(), 5000);
}

#[test]
fn the_same_file_elsewhere_is_cut_the_same() {
    let lengths = |start: u64| {
        let list = extents(&[(start, 1_000_000, 0)]);
        let cuts = cuts(&list, start..start + 1_000_000);
        cuts.iter()
            .scan(start, |last, cut| Some(*cut - std::mem::replace(last, *cut)))
            .collect::<Vec<_>>()
    };
    assert_eq!(lengths(4096), lengths(123 * 4096));
}

#[test]
fn spans_cover_the_disk_once_and_respect_every_border() {
    let disk = gpt_disk(16 << 20, &[(2048, 9000), (10000, 20000)], |number, bytes| {
        bytes.fill(u8::try_from(number).unwrap() + 1)
    });
    let examined = inspect::examine(&disk, Default::default()).unwrap();
    for as_raw in [false, true] {
        let plan = Plan::new(&disk, &examined, as_raw).unwrap();
        let mut next = 0;
        for span in plan.spans() {
            assert_eq!(span.offset, next);
            assert!(span.length > 0);
            next += span.length;
            let crossed = plan
                .borders
                .iter()
                .find(|border| **border > span.offset && **border < next);
            assert_eq!(crossed, None, "{span:?}");
        }
        assert_eq!(next, 16 << 20);
    }
}
