//! A UEFI boot entry in bytes.
//!
//! ```text
//! EFI_LOAD_OPTION (UEFI 2.10 §3.1.3), little-endian
//! 0  4  attributes: bit 0 active, bit 3 hidden
//! 4  2  bytes of the device path list
//! 6  …  description, UTF-16, ended by a zero
//! …  …  device path list
//! …  …  optional data
//!
//! device path node (§10.2): 0 1 type, 1 1 sub-type, 2 2 length of the node
//! hard drive (§10.3.5.1), type 4, sub-type 1, length 42
//!  4  4  partition number
//!  8  8  first sector
//! 16  8  sectors
//! 24 16  GPT: the partition's GUID · MBR: the disk's signature in the first four bytes
//! 40  1  1 MBR, 2 GPT
//! 41  1  signature: 1 MBR's, 2 GUID
//! file path (§10.3.5.4), type 4, sub-type 4: UTF-16, ended by a zero
//! end (§10.3.1), type 0x7f, sub-type 0xff, length 4
//! ```

/// A partition as firmware names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootPartition {
    /// Its number in the table, from 1.
    pub number: u32,
    /// Its first logical sector.
    pub first_sector: u64,
    /// Its length in logical sectors.
    pub sectors: u64,
    /// Its unique GUID, in the byte order of the table.
    pub guid: [u8; 16],
}

/// A boot entry that starts a file on a GPT partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOption {
    /// What the firmware's menu shows.
    pub description: String,
    /// Where the file is.
    pub partition: BootPartition,
    /// The file, with `\` between folders.
    pub file: String,
}

const ACTIVE: u32 = 1;
const MEDIA: u8 = 4;
const HARD_DRIVE: u8 = 1;
const FILE_PATH: u8 = 4;
const END: [u8; 4] = [0x7f, 0xff, 4, 0];

impl LoadOption {
    /// The entry's bytes, or nothing if a text is too long for its field.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut path = Vec::new();
        push_node(&mut path, HARD_DRIVE, &hard_drive(&self.partition))?;
        push_node(&mut path, FILE_PATH, &utf16(&self.file))?;
        path.extend_from_slice(&END);
        let mut bytes = ACTIVE.to_le_bytes().to_vec();
        bytes.extend_from_slice(&u16::try_from(path.len()).ok()?.to_le_bytes());
        bytes.extend_from_slice(&utf16(&self.description));
        bytes.extend_from_slice(&path);
        Some(bytes)
    }

    /// Reads an entry that starts a file on a GPT partition; `None` for every other kind.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let path_len = usize::from(u16::from_le_bytes(bytes.get(4..6)?.try_into().ok()?));
        let (description, rest) = read_utf16(bytes.get(6..)?)?;
        let mut path = rest.get(..path_len)?;
        let mut partition = None;
        let mut file = None;
        while let Some(head) = path.get(..4) {
            let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
            let node = path.get(4..length)?;
            match (head[0], head[1]) {
                (MEDIA, HARD_DRIVE) => partition = Some(read_hard_drive(node)?),
                (MEDIA, FILE_PATH) => file = Some(read_utf16(node)?.0),
                (0x7f, _) => break,
                _ => {}
            }
            path = path.get(length..)?;
        }
        Some(Self {
            description,
            partition: partition?,
            file: file?,
        })
    }
}

fn hard_drive(partition: &BootPartition) -> Vec<u8> {
    let mut node = Vec::with_capacity(38);
    node.extend_from_slice(&partition.number.to_le_bytes());
    node.extend_from_slice(&partition.first_sector.to_le_bytes());
    node.extend_from_slice(&partition.sectors.to_le_bytes());
    node.extend_from_slice(&partition.guid);
    node.extend_from_slice(&[2, 2]);
    node
}

fn read_hard_drive(node: &[u8]) -> Option<BootPartition> {
    if node.len() != 38 || node[36..] != [2, 2] {
        return None;
    }
    Some(BootPartition {
        number: u32::from_le_bytes(node[..4].try_into().ok()?),
        first_sector: u64::from_le_bytes(node[4..12].try_into().ok()?),
        sectors: u64::from_le_bytes(node[12..20].try_into().ok()?),
        guid: node[20..36].try_into().ok()?,
    })
}

fn push_node(path: &mut Vec<u8>, sub_type: u8, content: &[u8]) -> Option<()> {
    let length = u16::try_from(content.len().checked_add(4)?).ok()?;
    path.extend_from_slice(&[MEDIA, sub_type]);
    path.extend_from_slice(&length.to_le_bytes());
    path.extend_from_slice(content);
    Some(())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16()
        .chain([0])
        .flat_map(u16::to_le_bytes)
        .collect()
}

/// A text up to its zero, and what follows.
fn read_utf16(bytes: &[u8]) -> Option<(String, &[u8])> {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let end = units.iter().position(|unit| *unit == 0)?;
    Some((
        String::from_utf16_lossy(&units[..end]),
        bytes.get((end + 1) * 2..)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn option() -> LoadOption {
        LoadOption {
            description: "Debian".into(),
            partition: BootPartition {
                number: 2,
                first_sector: 4096,
                sectors: 204_800,
                guid: *b"0123456789abcdef",
            },
            file: r"\EFI\debian\shimx64.efi".into(),
        }
    }

    #[test]
    fn an_entry_has_the_bytes_that_the_specification_gives() {
        let bytes = option().encode().unwrap();
        // Attributes, length of the path (42 + 52 + 4), description.
        assert_eq!(bytes[..6], [1, 0, 0, 0, 98, 0]);
        assert_eq!(bytes[6..20], *b"D\0e\0b\0i\0a\0n\0\0\0");
        let path = &bytes[20..];
        assert_eq!(path.len(), 98);
        assert_eq!(path[..8], [4, 1, 42, 0, 2, 0, 0, 0]);
        assert_eq!(path[8..24], [0, 16, 0, 0, 0, 0, 0, 0, 0, 32, 3, 0, 0, 0, 0, 0]);
        assert_eq!(path[24..42], *b"0123456789abcdef\x02\x02");
        assert_eq!(path[42..48], [4, 4, 52, 0, b'\\', 0]);
        assert_eq!(path[94..], END);
    }

    #[test]
    fn an_entry_reads_back_the_same() {
        assert_eq!(LoadOption::decode(&option().encode().unwrap()), Some(option()));
    }

    #[test]
    fn a_text_that_fits_no_entry_makes_none() {
        assert_eq!(
            LoadOption {
                file: "x".repeat(40_000),
                ..option()
            }
            .encode(),
            None
        );
    }

    proptest! {
        #[test]
        fn any_entry_of_a_firmware_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..118, value: u8) {
            let _ = LoadOption::decode(&bytes);
            let mut damaged = option().encode().unwrap();
            damaged[at] = value;
            let _ = LoadOption::decode(&damaged);
        }
    }
}
