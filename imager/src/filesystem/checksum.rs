//! Checksums of filesystems: CRC-32C (Castagnoli, reflected 0x82F63B78) of ext4, XFS and btrfs, and CRC-16 (reflected
//! 0xA001) of older ext4, both as running values, without the usual final complement.

const CRC32C: [[u32; 256]; 8] = crc32c_tables();
const CRC16: [u16; 256] = crc16_table();

/// Continues a CRC-32C. All begin with all ones; XFS and btrfs complement the end.
pub(super) fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    let mut crc = seed;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let low = crc ^ u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        crc = CRC32C[7][(low & 0xFF) as usize]
            ^ CRC32C[6][(low >> 8 & 0xFF) as usize]
            ^ CRC32C[5][(low >> 16 & 0xFF) as usize]
            ^ CRC32C[4][(low >> 24) as usize]
            ^ CRC32C[3][usize::from(word[4])]
            ^ CRC32C[2][usize::from(word[5])]
            ^ CRC32C[1][usize::from(word[6])]
            ^ CRC32C[0][usize::from(word[7])];
    }
    for byte in rest {
        crc = crc >> 8 ^ CRC32C[0][((crc ^ u32::from(*byte)) & 0xFF) as usize];
    }
    crc
}

/// Continues a CRC-16. All begin with all ones; XFS and btrfs complement the end.
pub(super) fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |crc, byte| {
        crc >> 8 ^ CRC16[usize::from((crc ^ u16::from(*byte)) & 0xFF)]
    })
}

/// Whether a checksum that was counted is the one that was found. Under the fuzzer (`--cfg fuzzing`) each is: what stands
/// behind a checksum would hardly ever be reached by changing bytes.
pub(super) fn agrees<Number: PartialEq>(counted: Number, found: Number) -> bool {
    counted == found || cfg!(fuzzing)
}

const fn crc32c_tables() -> [[u32; 256]; 8] {
    let mut tables = [[0u32; 256]; 8];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82F6_3B78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        tables[0][index] = crc;
        index += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut index = 0;
        while index < 256 {
            let previous = tables[table - 1][index];
            tables[table][index] = previous >> 8 ^ tables[0][(previous & 0xFF) as usize];
            index += 1;
        }
        table += 1;
    }
    tables
}

const fn crc16_table() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_of_the_catalogues_are_met() {
        // CRC-32/ISCSI and CRC-16/ARC or MODBUS over "123456789".
        assert_eq!(!crc32c(!0, b"123456789"), 0xE306_9283);
        assert_eq!(crc16(0, b"123456789"), 0xBB3D);
        assert_eq!(crc16(!0, b"123456789"), 0x4B37);
    }

    #[test]
    fn a_checksum_continues_over_pieces() {
        let bytes: Vec<u8> = (0..=255).collect();
        for cut in [0, 1, 7, 8, 9, 255] {
            assert_eq!(
                crc32c(crc32c(!0, &bytes[..cut]), &bytes[cut..]),
                crc32c(!0, &bytes)
            );
        }
    }
}
