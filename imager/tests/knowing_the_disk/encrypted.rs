//! BitLocker and LUKS: images by a writer of our own or by cryptsetup, and what cryptsetup says of them.

use crate::harness::{make_image, run, try_run};
use imager::filesystem::{Kind, Mapping, Outcome, Ranges, map};
use proptest::prelude::*;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

const MIB: u64 = 1 << 20;
/// GUID of BitLocker's boot sector, 4967D63B-2E29-4AD8-8399-F6A339E3D001.
const FORMAT: [u8; 16] = *b"\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01";

/// A volume as Windows 7 and later lay it out: boot sector and three copies of the metadata.
fn bitlocker(protections: &[u16], state: u16, next_state: u16) -> Vec<u8> {
    let mut entries = Vec::new();
    for (number, protection) in protections.iter().enumerate() {
        let mut inner = Vec::new();
        if *protection == 0 {
            // The clear key: a property of type key, its method and 32 bytes.
            inner.extend(entry(0, 1, &[&0x2002u32.to_le_bytes()[..], &[0x11; 32]].concat()));
        }
        // The master key, encrypted: nonce, tag, key.
        inner.extend(entry(0, 5, &[0x22; 12 + 16 + 44]));
        let mut value = vec![u8::try_from(number).unwrap() + 1; 16];
        value.extend([0; 8]);
        value.extend(0u16.to_le_bytes());
        value.extend(protection.to_le_bytes());
        value.extend(inner);
        entries.extend(entry(2, 8, &value));
    }
    entries.extend(entry(3, 5, &[0x33; 12 + 16 + 44]));
    let offsets = [4 * MIB, 8 * MIB, 12 * MIB];
    let mut block = vec![0u8; 65536];
    block[..8].copy_from_slice(b"-FVE-FS-");
    block[8..10].copy_from_slice(&112u16.to_le_bytes());
    block[10..12].copy_from_slice(&2u16.to_le_bytes());
    block[12..14].copy_from_slice(&state.to_le_bytes());
    block[14..16].copy_from_slice(&next_state.to_le_bytes());
    block[16..24].copy_from_slice(&(16 * MIB).to_le_bytes());
    block[28..32].copy_from_slice(&16u32.to_le_bytes());
    for (index, offset) in offsets.iter().enumerate() {
        block[32 + 8 * index..40 + 8 * index].copy_from_slice(&offset.to_le_bytes());
    }
    block[56..64].copy_from_slice(&(4 * MIB + 65536).to_le_bytes());
    let length = u32::try_from(48 + entries.len()).unwrap();
    block[64..68].copy_from_slice(&length.to_le_bytes());
    block[68..72].copy_from_slice(&1u32.to_le_bytes());
    block[72..76].copy_from_slice(&48u32.to_le_bytes());
    block[76..80].copy_from_slice(&length.to_le_bytes());
    block[80..96].copy_from_slice(&[0xAB; 16]);
    block[100..102].copy_from_slice(&0x8004u16.to_le_bytes());
    block[104..112].copy_from_slice(&132_000_000_000_000_000u64.to_le_bytes());
    block[112..112 + entries.len()].copy_from_slice(&entries);

    let mut disk = vec![0x5A; usize::try_from(16 * MIB).unwrap()];
    disk[..512].fill(0);
    disk[..11].copy_from_slice(b"\xEB\x58\x90-FVE-FS-");
    disk[11..13].copy_from_slice(&512u16.to_le_bytes());
    disk[13] = 8;
    disk[160..176].copy_from_slice(&FORMAT);
    for (index, offset) in offsets.iter().enumerate() {
        disk[176 + 8 * index..184 + 8 * index].copy_from_slice(&offset.to_le_bytes());
        let at = usize::try_from(*offset).unwrap();
        disk[at..at + block.len()].copy_from_slice(&block);
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

fn entry(kind: u16, value_kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + value.len()).unwrap();
    let mut bytes = Vec::new();
    for number in [length, kind, value_kind, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn refused(disk: &[u8]) -> (Mapping, String) {
    let mapping = map(&disk, 0..disk.len() as u64);
    assert_eq!(mapping.kind, Kind::BitLocker);
    match &mapping.outcome {
        Outcome::Refused { reason, remedy } => {
            assert!(
                remedy.contains("manage-bde -off C:") && remedy.contains("shutdown /s /t 0"),
                "{remedy}"
            );
            let reason = reason.clone();
            (mapping, reason)
        }
        _ => panic!("a volume encrypted by BitLocker was not refused"),
    }
}

#[test]
fn bitlocker_on_suspended_and_with_a_clear_key_are_each_named_and_refused_with_the_remedy() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("volume.img");
    let cases: [(&[u16], u16, u16, &str, &str); 6] = [
        (
            &[0x0100, 0x0800],
            4,
            4,
            "and on, protected by TPM, recovery password",
            "recovery passphrase",
        ),
        (
            &[0x2000, 0x0800],
            4,
            4,
            "and on, protected by password",
            "passphrase",
        ),
        (
            &[0x0100, 0x0800, 0],
            4,
            4,
            "suspended: beside TPM, recovery password",
            "clear key",
        ),
        (
            &[0],
            4,
            4,
            "with a clear key: Windows encrypted it by itself",
            "clear key",
        ),
        (&[0x0500], 2, 4, "still being encrypted", "TPM and PIN"),
        (&[0x0200], 5, 1, "being decrypted", "startup key"),
    ];
    for (protections, state, next_state, words, theirs) in cases {
        let disk = bitlocker(protections, state, next_state);
        let (mapping, reason) = refused(&disk);
        assert!(reason.contains(words), "{reason}");
        assert_eq!(
            mapping.uuid.as_deref(),
            Some("ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB")
        );
        // cryptsetup reads the same from these bytes.
        fs::write(&image, &disk).unwrap();
        let (code, text, error) = try_run("cryptsetup", &["bitlkDump", image.to_str().unwrap()]);
        assert_eq!(code, 0, "{text}{error}");
        assert!(text.to_lowercase().contains(&theirs.to_lowercase()), "{text}");
        assert!(text.contains("abababab-abab"), "{text}");
        assert_eq!(text.matches("VMK protected").count(), protections.len(), "{text}");
    }
}

#[test]
fn a_bitlocker_volume_is_refused_whatever_is_left_of_its_metadata() {
    let whole = bitlocker(&[0x0100], 4, 4);
    // One good copy is enough.
    let mut hurt = whole.clone();
    for offset in [4 * MIB, 12 * MIB] {
        let at = usize::try_from(offset).unwrap();
        hurt[at..at + 4096].fill(0xEE);
    }
    assert!(refused(&hurt).1.contains("TPM"));
    let at = usize::try_from(8 * MIB).unwrap();
    hurt[at..at + 4096].fill(0xEE);
    assert!(refused(&hurt).1.contains("cannot be read"));
    refused(&whole[..512]);
    // On a stick it wears the boot sector of a FAT.
    let mut stick = whole;
    stick[3..11].copy_from_slice(b"MSWIN4.1");
    let head = stick[160..200].to_vec();
    stick[160..200].fill(0);
    stick[424..464].copy_from_slice(&head);
    assert!(refused(&stick).1.contains("TPM"));
}

/// cryptsetup formats a file without the kernel's help.
fn format_luks(image: &Path, version: &str) {
    let mut child = Command::new("/usr/sbin/cryptsetup")
        .args([
            "luksFormat",
            "-q",
            "--type",
            version,
            "--pbkdf",
            "pbkdf2",
            "--pbkdf-force-iterations",
            "1000",
        ])
        .args([
            "--uuid",
            "11111111-2222-3333-4444-555555555555",
            image.to_str().unwrap(),
            "-",
        ])
        .stdin(Stdio::piped())
        .spawn()
        .expect("cryptsetup cannot be run; cargo xtask setup installs it");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"a passphrase").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn luks_is_kept_whole_with_a_warning_in_both_versions() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("volume.img");
    for (version, words) in [("luks1", "LUKS 1, aes-xts-plain64"), ("luks2", "LUKS 2")] {
        let _ = fs::remove_file(&image);
        make_image(&image, 32 * MIB);
        format_luks(&image, version);
        let uuid = run("cryptsetup", &["luksUUID", image.to_str().unwrap()]);
        let disk = fs::read(&image).unwrap();
        let mapping = map(&disk, 0..32 * MIB);
        assert_eq!(
            (mapping.kind, mapping.uuid.as_deref()),
            (Kind::Luks, Some(uuid.trim()))
        );
        assert!(
            mapping.notes[0].contains(words) && mapping.notes[0].contains("do not compress"),
            "{:?}",
            mapping.notes
        );
        assert_eq!(mapping.used(0..32 * MIB), Ranges::from_one(0..32 * MIB));
        assert!(matches!(mapping.outcome, Outcome::Raw { .. }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if crate::harness::full_matrix() { 5000 } else { 100 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn changed_bitlocker_volumes_are_refused_all_the_same(
        changes in proptest::collection::vec((prop_oneof![16usize..512, (4usize << 20)..(4usize << 20) + 600], any::<u8>()), 1..12),
        cut in prop_oneof![3 => Just(5usize << 20), 1 => 512usize..5 << 20],
    ) {
        static VOLUME: OnceLock<Vec<u8>> = OnceLock::new();
        let mut disk = VOLUME.get_or_init(|| bitlocker(&[0x0100, 0], 4, 4)[..5 << 20].to_vec()).clone();
        for (place, value) in changes {
            disk[place] = value;
        }
        disk.truncate(cut);
        let mapping = map(&disk, 0..disk.len() as u64);
        let is_refused = matches!(mapping.outcome, Outcome::Refused { .. });
        prop_assert!(is_refused);
    }
}
