//! Volumes that no tool makes without Windows or a block device, written by ourselves: the byte tables are those of the
//! readers in `imager/src/filesystem`.

use std::{fs, path::Path};

const KIB: usize = 1 << 10;
/// Where the extents of the LVM2 volume begin, and the length of each.
const FIRST_EXTENT: usize = 64 * KIB;
const EXTENT: usize = 64 * KIB;
const IDENTITY: &str = "abcdefghijklmnopqrstuvwxyz012345";

/// A tree in the words of mkfs.xfs.
pub fn prototype(tree: &Path) -> String {
    fn describe(folder: &Path, text: &mut String) {
        for entry in fs::read_dir(folder).expect("the tree can be read").flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().expect("it has a plain name");
            if path.is_dir() {
                text.push_str(&format!("{name} d--755 0 0\n"));
                describe(&path, text);
                text.push_str("$\n");
            } else {
                text.push_str(&format!("{name} ---644 0 0 {}\n", path.display()));
            }
        }
    }
    let mut text = "/none\n0 0\nd--755 0 0\n".to_owned();
    describe(tree, &mut text);
    text + "$\n"
}

/// Puts a file, and a folder with a file, into an exFAT as mkfs.exfat makes it.
pub fn add_exfat_files(image: &mut [u8]) {
    let number = |image: &[u8], at: usize| {
        u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes")) as usize
    };
    let sector = 1usize << image[108];
    let cluster = sector << image[109];
    let (fat, heap) = (number(image, 80) * sector, number(image, 88) * sector);
    let (clusters, root) = (number(image, 92), number(image, 96));
    let place = |number: usize| heap + (number - 2) * cluster;
    let root = place(root);
    let end = (0..cluster / 32)
        .position(|index| image[root + 32 * index] == 0)
        .expect("the root directory has room");
    let bitmap = (0..end)
        .map(|index| root + 32 * index)
        .find(|entry| image[*entry] == 0x81)
        .expect("it has a bitmap");
    let bitmap = place(number(image, bitmap + 20));
    // Free clusters: the highest ones.
    let (folder, chained) = (clusters - 8, clusters - 6);
    for used in folder..clusters {
        image[bitmap + (used - 2) / 8] |= 1 << ((used - 2) % 8);
    }
    for (from, to) in [(chained, chained + 2), (chained + 2, 0xFFFF_FFFF)] {
        let to = u32::try_from(to).expect("it fits");
        image[fat + 4 * from..fat + 4 * from + 4].copy_from_slice(&to.to_le_bytes());
    }
    let inner = exfat_entry("long", 0x20, 1, (chained, 2 * cluster));
    let at = place(folder);
    image[at..at + cluster].fill(0);
    image[at..at + inner.len()].copy_from_slice(&inner);
    let mut entries = exfat_entry("a file", 0x20, 3, (chained + 4, cluster / 2));
    entries.extend(exfat_entry("folder", 0x10, 3, (folder, cluster)));
    let at = root + 32 * end;
    image[at..at + entries.len()].copy_from_slice(&entries);
}

/// The three entries of a file or folder, with their checksum.
fn exfat_entry(name: &str, attributes: u8, flags: u8, (first, length): (usize, usize)) -> Vec<u8> {
    let mut set = vec![0u8; 96];
    (set[0], set[1], set[4]) = (0x85, 2, attributes);
    (set[32], set[33], set[35]) = (0xC0, flags, u8::try_from(name.len()).expect("it is short"));
    let first = u32::try_from(first).expect("it fits");
    set[40..48].copy_from_slice(&(length as u64).to_le_bytes());
    set[52..56].copy_from_slice(&first.to_le_bytes());
    set[56..64].copy_from_slice(&(length as u64).to_le_bytes());
    set[64] = 0xC1;
    for (index, letter) in name.bytes().enumerate() {
        set[66 + 2 * index] = letter;
    }
    let counted = set.iter().enumerate().filter(|(at, _)| !matches!(at, 2 | 3));
    let sum = counted.fold(0u16, |sum, (_, byte)| {
        sum.rotate_right(1).wrapping_add(u16::from(*byte))
    });
    set[2..4].copy_from_slice(&sum.to_le_bytes());
    set
}

/// A physical volume whose first logical volume holds `inner` in two pieces, in the wrong order; the second is of a type
/// to choose.
pub fn lvm2(inner: &[u8], second: &str) -> Vec<u8> {
    let extents = inner.len().div_ceil(EXTENT);
    let (front, back) = (extents / 2, extents - extents / 2);
    let total = extents + 4;
    let mut disk = vec![0u8; FIRST_EXTENT + total * EXTENT];
    let start = |extent: usize| FIRST_EXTENT + extent * EXTENT;
    disk[start(back)..start(back) + front * EXTENT].copy_from_slice(&inner[..front * EXTENT]);
    disk[start(0)..start(0) + inner.len() - front * EXTENT].copy_from_slice(&inner[front * EXTENT..]);
    let text = format!(
        r#"office {{
id = "{IDENTITY}"
seqno = 3
format = "lvm2"
status = ["RESIZEABLE", "READ", "WRITE"]
extent_size = 128
physical_volumes {{
pv0 {{
id = "{IDENTITY}"
device = "/dev/sda"
status = ["ALLOCATABLE"]
dev_size = {sectors}
pe_start = 128
pe_count = {total}
}}
}}
logical_volumes {{
root {{
id = "{IDENTITY}"
status = ["READ", "WRITE", "VISIBLE"]
segment_count = 2
segment1 {{
start_extent = 0
extent_count = {front}
type = "striped"
stripe_count = 1
stripes = ["pv0", {back}]
}}
segment2 {{
start_extent = {front}
extent_count = {back}
type = "striped"
stripe_count = 1
stripes = ["pv0", 0]
}}
}}
other {{
id = "{IDENTITY}"
status = ["READ", "WRITE", "VISIBLE"]
segment_count = 1
segment1 {{
start_extent = 0
extent_count = 2
type = "{second}"
stripe_count = 1
stripes = ["pv0", {extents}]
}}
}}
}}
}}
# "a comment"
contents = "Text Format Volume Group"
version = 1
"#,
        sectors = disk.len() / 512
    );
    let area = (4 * KIB, FIRST_EXTENT - 4 * KIB);
    let long = |number: usize| (number as u64).to_le_bytes();
    let mut label = vec![0u8; 512];
    label[..8].copy_from_slice(b"LABELONE");
    label[8..16].copy_from_slice(&long(1));
    label[20..24].copy_from_slice(&32u32.to_le_bytes());
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(IDENTITY.as_bytes());
    label[64..72].copy_from_slice(&long(disk.len()));
    label[72..80].copy_from_slice(&long(FIRST_EXTENT));
    label[104..112].copy_from_slice(&long(area.0));
    label[112..120].copy_from_slice(&long(area.1));
    let sum = lvm2_checksum(&label[20..]);
    label[16..20].copy_from_slice(&sum.to_le_bytes());
    let mut header = vec![0u8; 512];
    header[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    header[20..24].copy_from_slice(&1u32.to_le_bytes());
    header[24..32].copy_from_slice(&long(area.0));
    header[32..40].copy_from_slice(&long(area.1));
    header[40..48].copy_from_slice(&long(512));
    header[48..56].copy_from_slice(&long(text.len()));
    header[56..60].copy_from_slice(&lvm2_checksum(text.as_bytes()).to_le_bytes());
    let sum = lvm2_checksum(&header[4..]);
    header[..4].copy_from_slice(&sum.to_le_bytes());
    disk[512..1024].copy_from_slice(&label);
    disk[area.0..area.0 + 512].copy_from_slice(&header);
    disk[area.0 + 512..area.0 + 512 + text.len()].copy_from_slice(text.as_bytes());
    disk
}

fn lvm2_checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xF597_A6CF);
    hasher.update(bytes);
    !hasher.finalize()
}

/// The boot sector of a volume that BitLocker encrypts, and three copies of its metadata.
pub fn bitlocker(protections: &[u16], state: u16) -> Vec<u8> {
    let offsets = [64 * KIB, 128 * KIB, 192 * KIB];
    let entry = |kind: u16, value_kind: u16, value: &[u8]| {
        let length = u16::try_from(8 + value.len()).expect("it is short");
        let head = [length, kind, value_kind, 1];
        [
            head.iter()
                .flat_map(|number| number.to_le_bytes())
                .collect::<Vec<u8>>(),
            value.to_vec(),
        ]
        .concat()
    };
    let mut entries = Vec::new();
    for protection in protections {
        let mut value = vec![7u8; 16];
        value.extend([0; 10]);
        value.extend(protection.to_le_bytes());
        if *protection == 0 {
            value.extend(entry(0, 1, &[0x11; 36]));
        }
        value.extend(entry(0, 5, &[0x22; 72]));
        entries.extend(entry(2, 8, &value));
    }
    entries.extend(entry(3, 5, &[0x33; 72]));
    let length = u32::try_from(48 + entries.len()).expect("it is short");
    let mut block = vec![0u8; 112];
    block[..8].copy_from_slice(b"-FVE-FS-");
    block[8..10].copy_from_slice(&112u16.to_le_bytes());
    block[10..12].copy_from_slice(&2u16.to_le_bytes());
    for at in [12, 14] {
        block[at..at + 2].copy_from_slice(&state.to_le_bytes());
    }
    for at in [64, 76] {
        block[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
    block[68..72].copy_from_slice(&1u32.to_le_bytes());
    block[72..76].copy_from_slice(&48u32.to_le_bytes());
    block[80..96].fill(0xAB);
    block[100..102].copy_from_slice(&0x8004u16.to_le_bytes());
    block.extend(entries);
    let mut disk = vec![0u8; 512 * KIB];
    disk[..11].copy_from_slice(b"\xEB\x58\x90-FVE-FS-");
    disk[11..13].copy_from_slice(&512u16.to_le_bytes());
    disk[13] = 8;
    disk[160..176].copy_from_slice(b"\x3B\xD6\x67\x49\x29\x2E\xD8\x4A\x83\x99\xF6\xA3\x39\xE3\xD0\x01");
    for (index, offset) in offsets.into_iter().enumerate() {
        let bytes = (offset as u64).to_le_bytes();
        disk[176 + 8 * index..184 + 8 * index].copy_from_slice(&bytes);
        block[32 + 8 * index..40 + 8 * index].copy_from_slice(&bytes);
    }
    for offset in offsets {
        disk[offset..offset + block.len()].copy_from_slice(&block);
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}
