//! Physical volumes with bytes changed, their checksums made right again or not: nothing panics or leaves its partition.

use super::{Loops, MIB};
use crate::harness::{make_image, run};
use imager::filesystem::{self, Outcome, Wishes};
use proptest::prelude::*;
use std::{fs, ops::ControlFlow, sync::OnceLock};

/// A small physical volume with a filesystem on it.
fn small_volume() -> &'static [u8] {
    static VOLUME: OnceLock<Vec<u8>> = OnceLock::new();
    VOLUME.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let (image, volume) = (scratch.path().join("pv.img"), scratch.path().join("volume.img"));
        make_image(&image, 4 * MIB);
        let loops = Loops::new(&[&image]);
        loops.lvm(&[
            "pvcreate",
            "-y",
            "--dataalignment",
            "64k",
            "--metadatasize",
            "60k",
            &loops.0[0],
        ]);
        loops.lvm(&["vgcreate", "-y", "-s", "64k", "office", &loops.0[0]]);
        loops.make_volume("root", 2, &loops.0[0]);
        drop(loops);
        make_image(&volume, 2 * MIB);
        fs::write(scratch.path().join("letter"), vec![7; 9000]).unwrap();
        run(
            "mke2fs",
            &[
                "-d",
                scratch.path().join("letter").parent().unwrap().to_str().unwrap(),
                "-q",
                "-F",
                "-t",
                "ext4",
                "-b",
                "1024",
                "-O",
                "^has_journal",
                volume.to_str().unwrap(),
            ],
        );
        let mut bytes = fs::read(&image).unwrap();
        let start = usize::try_from(pe_start(&bytes)).unwrap();
        bytes[start..start + (2 << 20)].copy_from_slice(&fs::read(&volume).unwrap());
        bytes
    })
}

/// Offset of the data area: the pair behind identity and length.
fn pe_start(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes[512 + 32 + 40..512 + 32 + 48].try_into().unwrap())
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xF597_A6CF, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xEDB8_8320
            } else {
                crc >> 1
            }
        })
    })
}

/// Makes all checksums right again, so that what they hide is reached.
fn mend(bytes: &mut [u8]) {
    let text = u64::from_le_bytes(bytes[4096 + 40..4096 + 48].try_into().unwrap());
    let length = u64::from_le_bytes(bytes[4096 + 48..4096 + 56].try_into().unwrap());
    let start = usize::try_from(text.saturating_add(4096)).unwrap_or(usize::MAX);
    let text = start..start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
    if let Some(crc) = bytes.get(text).map(checksum) {
        bytes[4096 + 56..4096 + 60].copy_from_slice(&crc.to_le_bytes());
    }
    let header = checksum(&bytes[4100..4096 + 512]);
    bytes[4096..4100].copy_from_slice(&header.to_le_bytes());
    let label = checksum(&bytes[532..1024]);
    bytes[528..532].copy_from_slice(&label.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if crate::harness::full_matrix() { 5000 } else { 80 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changed_physical_volumes_are_survived(
        changes in proptest::collection::vec((prop_oneof![512usize..640, 4096usize..4200, 4608usize..6200, 65536usize..70000], any::<u8>()), 0..8),
        digits in proptest::collection::vec((4608usize..6200, b'0'..=b'9'), 0..6),
        cut in prop_oneof![8 => Just(4usize << 20), 1 => 0usize..4 << 20],
        repair: bool,
    ) {
        let mut bytes = small_volume().to_vec();
        for (place, value) in changes {
            bytes[place] = value;
        }
        for (place, digit) in digits {
            if bytes[place].is_ascii_digit() {
                bytes[place] = digit;
            }
        }
        if repair {
            mend(&mut bytes);
        }
        bytes.truncate(cut);
        let length = bytes.len() as u64;
        let places = [0..length, length / 2..length];
        let mapping = filesystem::map_among(&bytes, 0..length, &places, Wishes::default());
        if let Outcome::Mapped(mapped) = mapping.outcome {
            crate::harness::check_shape(&mapped, 0..length);
            let _ = mapped.files.walk(&bytes, &mut |extent| {
                assert!(extent.disk_offset.checked_add(extent.length_bytes).unwrap() <= length);
                ControlFlow::Continue(())
            });
        }
        crate::hostile::look_around(&bytes, 0..length);
    }
}

#[test]
fn the_small_volume_is_mapped_before_it_is_changed() {
    let mut bytes = small_volume().to_vec();
    mend(&mut bytes);
    assert!(bytes == small_volume(), "the checksums are those that LVM wrote");
    let mapping = filesystem::map(&bytes, 0..4 * MIB);
    assert!(
        matches!(mapping.outcome, Outcome::Mapped(_)),
        "{:?}",
        mapping.notes
    );
}
