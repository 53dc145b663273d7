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
        let end = next_file_cut(
            walk.around(position),
            position,
            (position / METADATA_CUT + 1) * METADATA_CUT,
        )
        .min(range.end);
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
    let list = extents(&[(0, 8 * K, 0), (12 * K, 300 * K, 0), (315 * K, 300 * K, 300 * K)]);
    assert_eq!(
        cuts(&list, 0..615 * K),
        [
            8 * K,
            9 * K,
            10 * K,
            11 * K,
            12 * K,
            (12 + 128) * K,
            (12 + 256) * K,
            312 * K,
            313 * K,
            314 * K,
            315 * K,
            (315 + 84) * K,
            (315 + 212) * K,
            615 * K
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

#[test]
fn what_is_used_and_no_file_is_cut_finely_but_not_for_ever() {
    const M: u64 = 1 << 20;
    let plan = |fine| Plan {
        regions: vec![Region {
            bytes: M..200 * M,
            treatment: Treatment::Files {
                partition_start: M,
                fine,
                extents: 0,
            },
        }],
        extents: vec![extents(&[(100 * M, M, 0)])],
        borders: Vec::new(),
        partitions: Vec::new(),
        primary_table: Vec::new(),
        backup_table: Vec::new(),
        smallest_target: 0,
        bytes_used: 199 * M,
        notes: Vec::new(),
    };
    let lengths = |fine, at: u64| -> u64 {
        let plan = plan(fine);
        plan.spans().find(|span| span.offset >= at).unwrap().length
    };
    assert_eq!(lengths(true, M), METADATA_CUT);
    assert_eq!(lengths(true, 64 * M), METADATA_CUT);
    assert_eq!(lengths(true, 66 * M), METADATA_CUT_COARSE);
    assert_eq!(lengths(true, 100 * M), FILE_CUT);
    // Behind a file another run begins.
    assert_eq!(lengths(true, 110 * M), METADATA_CUT);
    assert_eq!(lengths(true, 170 * M), METADATA_CUT_COARSE);
    assert_eq!(lengths(false, M), METADATA_CUT_COARSE);
}
