//! Finds one section in a 64-bit little-endian ELF file.
//!
//! ```text
//! file header, 64 bytes (System V ABI, gABI 4.1 chapter 4; x86-64 psABI)
//! 0x00  16  identification: 7f 45 4c 46, class 2 (64 bit), data 1 (little-endian), …
//! 0x28   8  offset of the section headers
//! 0x3a   2  bytes of a section header (64)
//! 0x3c   2  how many there are
//! 0x3e   2  which of them holds the names
//! section header, 64 bytes
//! 0x00   4  offset of its name among the names
//! 0x04   4  type (8: occupies no bytes in the file)
//! 0x18   8  offset of its bytes
//! 0x20   8  how many
//! ```
//!
//! Every offset is checked: a damaged or hostile file gives an error, never a panic.

/// Bytes of the named section, or why there are none.
pub fn find_section<'a>(file: &'a [u8], name: &str) -> Result<&'a [u8], &'static str> {
    if file.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err("it is no 64-bit little-endian ELF file");
    }
    let truncated = "it is truncated";
    let table = number(file, 0x28, 8).ok_or(truncated)?;
    let entry_len = number(file, 0x3a, 2).ok_or(truncated)?;
    let count = number(file, 0x3c, 2).ok_or(truncated)?;
    let names_index = number(file, 0x3e, 2).ok_or(truncated)?;
    if entry_len < HEADER_LEN {
        return Err("its section headers are too short");
    }
    let header = |index: usize| -> Option<&[u8]> {
        let start = table.checked_add(index.checked_mul(entry_len)?)?;
        file.get(start..start.checked_add(HEADER_LEN)?)
    };
    let bytes = |header: &[u8]| -> Option<&'a [u8]> {
        if number(header, 0x04, 4)? == TYPE_WITHOUT_BYTES {
            return None;
        }
        let start = number(header, 0x18, 8)?;
        file.get(start..start.checked_add(number(header, 0x20, 8)?)?)
    };
    let names = header(names_index)
        .and_then(bytes)
        .ok_or("its section names are not there")?;
    for index in 0..count {
        let header = header(index).ok_or(truncated)?;
        let found = number(header, 0, 4)
            .and_then(|start| names.get(start..))
            .ok_or(truncated)?;
        if found
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.first() == Some(&0))
        {
            return bytes(header).ok_or(truncated);
        }
    }
    Err("it has no section of that name")
}

const HEADER_LEN: usize = 64;
const TYPE_WITHOUT_BYTES: usize = 8;

/// A little-endian number of `len` ≤ 8 bytes.
fn number(bytes: &[u8], offset: usize, len: usize) -> Option<usize> {
    let field = bytes.get(offset..offset.checked_add(len)?)?;
    let value = field
        .iter()
        .rev()
        .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    usize::try_from(value).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A minimal ELF file with one section `.modinfo` of these bytes.
    pub(crate) fn elf_with_modinfo(content: &[u8]) -> Vec<u8> {
        let names = b"\0.shstrtab\0.modinfo\0";
        let mut file = vec![0u8; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let names_at = file.len();
        file.extend_from_slice(names);
        let content_at = file.len();
        file.extend_from_slice(content);
        let table_at = file.len();
        for (name, at, len) in [
            (0, 0, 0),
            (1, names_at, names.len()),
            (11, content_at, content.len()),
        ] {
            let mut header = [0u8; 64];
            header[0..4].copy_from_slice(&u32::try_from(name).unwrap().to_le_bytes());
            header[4..8].copy_from_slice(&1u32.to_le_bytes());
            header[0x18..0x20].copy_from_slice(&(at as u64).to_le_bytes());
            header[0x20..0x28].copy_from_slice(&(len as u64).to_le_bytes());
            file.extend_from_slice(&header);
        }
        file[0x28..0x30].copy_from_slice(&(table_at as u64).to_le_bytes());
        file[0x3a..0x3c].copy_from_slice(&64u16.to_le_bytes());
        file[0x3c..0x3e].copy_from_slice(&3u16.to_le_bytes());
        file[0x3e..0x40].copy_from_slice(&1u16.to_le_bytes());
        file
    }

    #[test]
    fn a_section_is_found_by_its_whole_name() {
        let file = elf_with_modinfo(b"license=GPL\0");
        assert_eq!(find_section(&file, ".modinfo"), Ok(&b"license=GPL\0"[..]));
        assert!(find_section(&file, ".modin").is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let file = elf_with_modinfo(b"license=GPL\0");
        for length in 0..file.len() {
            assert!(find_section(&file[..length], ".modinfo").is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = find_section(&bytes, ".modinfo");
        }

        #[test]
        fn any_damage_to_a_module_is_survived(at in 0usize..64, value: u8, second in 0usize..300, other: u8) {
            let mut file = elf_with_modinfo(b"license=GPL\0");
            file[at] = value;
            let second = second % file.len();
            file[second] = other;
            let _ = find_section(&file, ".modinfo");
        }
    }
}
