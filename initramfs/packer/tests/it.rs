//! A folder of boot files is built, checked, damaged and given firmware, from a made-up kernel package.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic")]

use packer::{Finding, Recipe, Source, build, check, name, refresh_firmware};
use std::path::{Path, PathBuf};

/// A package with one network module that wants two firmware files.
fn write_package(root: &Path) -> PathBuf {
    let package = root.join("package");
    let folder = package.join("lib/modules/6.1.0-test/kernel/drivers/net/ethernet");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(package.join("boot")).unwrap();
    std::fs::write(package.join("boot/vmlinuz-6.1.0-test"), b"a signed kernel").unwrap();
    std::fs::write(package.join("lib/modules/6.1.0-test/modules.builtin"), b"").unwrap();
    std::fs::write(
        folder.join("nic.ko"),
        module(b"alias=pci:v1*\0firmware=nic/one.fw\0firmware=nic/two.fw\0"),
    )
    .unwrap();
    package
}

fn module(words: &[u8]) -> Vec<u8> {
    let names = b"\0.shstrtab\0.modinfo\0";
    let mut file = vec![0u8; 64];
    file[..6].copy_from_slice(b"\x7fELF\x02\x01");
    file.extend_from_slice(names);
    file.extend_from_slice(words);
    let table_at = file.len() as u64;
    for (name, at, len) in [
        (0u32, 0, 0),
        (1, 64, names.len()),
        (11, 64 + names.len(), words.len()),
    ] {
        let mut header = [0u8; 64];
        header[0..4].copy_from_slice(&name.to_le_bytes());
        header[4] = 1;
        header[0x18..0x20].copy_from_slice(&(at as u64).to_le_bytes());
        header[0x20..0x28].copy_from_slice(&(len as u64).to_le_bytes());
        file.extend_from_slice(&header);
    }
    file[0x28..0x30].copy_from_slice(&table_at.to_le_bytes());
    file[0x3a..0x40].copy_from_slice(&[64, 0, 3, 0, 1, 0]);
    file
}

fn recipe(root: &Path) -> Recipe {
    let init = root.join("init");
    std::fs::write(&init, b"a static program").unwrap();
    let firmware = root.join("lib-firmware");
    std::fs::create_dir_all(firmware.join("nic")).unwrap();
    std::fs::write(
        firmware.join("nic/one.fw.zst"),
        zstd::encode_all(&b"firmware one"[..], 3).unwrap(),
    )
    .unwrap();
    let loader = |name: &str| {
        let path = root.join(name);
        std::fs::write(&path, name).unwrap();
        Source {
            name: name.into(),
            path,
            origin: "a package".into(),
        }
    };
    Recipe {
        kernel: write_package(root),
        kernel_origin: "linux-image 6.1".into(),
        init,
        shell: None,
        firmware: vec![firmware],
        loaders: [name::SHIM, name::GRUB, name::UNDIONLY].map(loader).to_vec(),
        level: 3,
    }
}

/// Paths and contents of all archives in an initrd, read as the kernel reads it.
fn unpack(mut image: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    while !image.is_empty() {
        let zeros = image.iter().take_while(|byte| **byte == 0).count();
        image = &image[zeros..];
        let mut decoder = zstd::Decoder::with_buffer(image).unwrap().single_frame();
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut decoder, &mut plain).unwrap();
        image = decoder.finish();
        let mut rest = plain.as_slice();
        loop {
            let mut reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            let name = reader.entry().name().to_owned();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
            entries.push((name, bytes));
            rest = reader.finish().unwrap();
        }
    }
    entries
}

#[test]
fn a_built_folder_checks_clean_and_is_the_same_bytes_each_time() {
    let root = tempfile::tempdir().unwrap();
    let recipe = recipe(root.path());
    let (first, second) = (root.path().join("boot"), root.path().join("again"));
    let report = build(&recipe, &first).unwrap();
    build(&recipe, &second).unwrap();
    for file in std::fs::read_dir(&first).unwrap() {
        let name = file.unwrap().file_name();
        assert_eq!(
            std::fs::read(first.join(&name)).unwrap(),
            std::fs::read(second.join(&name)).unwrap(),
            "{name:?}"
        );
    }
    assert_eq!(
        (report.modules, report.index.kernel_release.as_str()),
        (1, "6.1.0-test")
    );
    assert_eq!(
        check(&first).unwrap(),
        [Finding::MissingFirmware(vec!["nic/two.fw".into()])]
    );

    let entries = unpack(&std::fs::read(first.join(name::INITRD)).unwrap());
    let content = |path: &str| {
        entries
            .iter()
            .find(|(name, _)| name == path)
            .map(|(_, bytes)| bytes.as_slice())
    };
    assert_eq!(content("init"), Some(&b"a static program"[..]));
    assert_eq!(
        content("lib/firmware/nic/one.fw"),
        Some(&b"firmware one"[..]),
        "unpacked, as every kernel reads it"
    );
    let table = String::from_utf8_lossy(content("lib/modules/amorce.table").unwrap()).into_owned();
    assert!(
        table.contains("module nic kernel/drivers/net/ethernet/nic.ko\nalias pci:v1*"),
        "{table}"
    );
    assert!(content("lib/modules/6.1.0-test/kernel/drivers/net/ethernet/nic.ko").is_some());
}

#[test]
fn what_is_missing_or_changed_is_said_in_words() {
    let root = tempfile::tempdir().unwrap();
    let boot = root.path().join("boot");
    assert_eq!(check(root.path()).unwrap(), [Finding::NothingBuilt]);
    let mut recipe = recipe(root.path());
    recipe.loaders.retain(|loader| loader.name != name::UNDIONLY);
    build(&recipe, &boot).unwrap();
    std::fs::remove_file(boot.join(name::SHIM)).unwrap();
    std::fs::write(boot.join(name::KERNEL), b"another kernel!").unwrap();
    let findings = check(&boot).unwrap();
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.is_error()).collect();
    let expected = [
        Finding::Missing(name::UNDIONLY.into()),
        Finding::Missing(name::SHIM.into()),
        Finding::Differs(name::KERNEL.into()),
    ];
    assert_eq!(errors, expected.iter().collect::<Vec<_>>());
    assert!(
        findings[0].to_string().contains("no BIOS machine can boot"),
        "{}",
        findings[0]
    );
    std::fs::write(boot.join("boot-files.json"), b"{}").unwrap();
    assert!(
        check(&boot)
            .unwrap_err()
            .to_string()
            .contains("amorce boot-files build")
    );
}

#[test]
fn firmware_dropped_by_an_admin_follows_the_initrd_as_a_second_archive() {
    let root = tempfile::tempdir().unwrap();
    let boot = root.path().join("boot");
    build(&recipe(root.path()), &boot).unwrap();
    let base = std::fs::read(boot.join(name::INITRD)).unwrap();
    assert!(!refresh_firmware(&boot).unwrap(), "nothing dropped, nothing done");

    let dropped = boot.join("firmware/nic/two.fw");
    std::fs::create_dir_all(dropped.parent().unwrap()).unwrap();
    std::fs::write(&dropped, b"firmware two").unwrap();
    assert!(refresh_firmware(&boot).unwrap());
    assert!(
        !refresh_firmware(&boot).unwrap(),
        "the second time it is there already"
    );
    let image = std::fs::read(boot.join(name::INITRD)).unwrap();
    assert!(image.starts_with(&base));
    let last = unpack(&image).pop().unwrap();
    assert_eq!(last, ("lib/firmware/nic/two.fw".into(), b"firmware two".to_vec()));
    assert!(!check(&boot).unwrap().iter().any(Finding::is_error));

    std::fs::remove_file(&dropped).unwrap();
    assert!(refresh_firmware(&boot).unwrap());
    assert_eq!(std::fs::read(boot.join(name::INITRD)).unwrap(), base);
}

#[test]
fn a_link_among_dropped_firmware_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let boot = root.path().join("boot");
    build(&recipe(root.path()), &boot).unwrap();
    std::fs::create_dir_all(boot.join("firmware")).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", boot.join("firmware/nic.fw")).unwrap();
    assert!(
        refresh_firmware(&boot)
            .unwrap_err()
            .to_string()
            .contains("neither a file nor a folder")
    );
}

#[test]
fn an_initrd_whose_base_was_replaced_is_refused_not_extended() {
    let root = tempfile::tempdir().unwrap();
    let boot = root.path().join("boot");
    build(&recipe(root.path()), &boot).unwrap();
    std::fs::write(boot.join(name::INITRD), b"something else").unwrap();
    assert!(refresh_firmware(&boot).is_err());
}
