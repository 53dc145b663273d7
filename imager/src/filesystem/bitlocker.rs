//! BitLocker: whether it is on, suspended, or encrypts with a key that lies in the clear.
//!
//! ```text
//! little-endian
//! Boot sector                                      Metadata block, 64 KiB, three copies
//! offset size  meaning                             offset size  meaning
//!   0x03    8  "-FVE-FS-"; on a stick "MSWIN4.1"     0x00    8  "-FVE-FS-"
//!   0xA0   16  identity of the format                0x0A    2  version, 2 (Vista: 1)
//!   0xB0   24  offsets of the three metadata blocks  0x0C    2  state: 1 decrypted, 2 on its way, 4 encrypted, 5 paused
//!  0x1A8  40  the same on a stick                    0x0E    2  the state it goes to
//!                                                    0x40    4  length from here, header and entries
//! Entry                                              0x48    4  length of this header, 48
//!   0x00    2  length                                0x50   16  identity of the volume
//!   0x02    2  type: 2 a volume master key           0x64    2  cipher, 0x8000 … 0x8005
//!   0x04    2  type of its value: 8 a master key     0x70    …  entries
//!   0x08   16  identity of the protector
//!   0x22    2  what protects it: 0 nothing (clear key), 0x0100 TPM, 0x0200 startup key, 0x0500 TPM and PIN,
//!              0x0800 recovery password, 0x2000 password
//! ```
//! Sources: libbde "BitLocker Drive Encryption (BDE) format", cryptsetup `lib/bitlk`.

use super::{Kind, Mapping, Outcome, Volume, volume::field};

const SIGNATURE: &[u8; 8] = b"-FVE-FS-";
const ENTRIES: usize = 0x70;
const BLOCK_BYTES: usize = 64 << 10;
const TYPE_MASTER_KEY: u16 = 2;
const STATE_ENCRYPTED: u16 = 4;

/// What the metadata of a volume says.
struct Metadata {
    state: u16,
    next_state: u16,
    cipher: u16,
    id: String,
    /// What protects each copy of the master key.
    protections: Vec<u16>,
}

/// Refuses the volume and says how it is protected.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let found = Metadata::read(volume);
    let mut mapping = Mapping::raw(Kind::BitLocker, "");
    if let Ok(metadata) = &found {
        mapping.uuid = Some(metadata.id.clone());
    }
    let what = found.map_or_else(
        |reason| format!("BitLocker encrypts it ({reason})"),
        |metadata| metadata.in_words(),
    );
    mapping.outcome = Outcome::Refused {
        reason: format!("{what}; copies would be large, and ask for a recovery key on other machines"),
        remedy: "start Windows, switch BitLocker off for good (manage-bde -off C: with the volume's letter), wait until \
                 manage-bde -status says that it is fully decrypted, shut down completely (shutdown /s /t 0), then \
                 capture again"
            .into(),
    };
    mapping
}

impl Metadata {
    /// Reads the first copy that can be read; the error says, in words, why none can.
    fn read(volume: &Volume<'_>) -> Result<Self, String> {
        let sector = volume.read(0, 512)?;
        let offsets = if &sector[3..11] == SIGNATURE { 0xB0 } else { 0x1B8 };
        if sector[..3] == [0xEB, 0x52, 0x90] {
            return Err("the form of Windows Vista".into());
        }
        (0..3)
            .map(|copy| field::le64(&sector, offsets + 8 * copy))
            .find_map(|offset| Self::parse(&volume.read(offset, BLOCK_BYTES).ok()?))
            .ok_or_else(|| "its metadata cannot be read".into())
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let length = usize::try_from(field::le32(block, 0x40)).ok()?;
        let end = length
            .checked_add(0x40)
            .filter(|end| (ENTRIES..=block.len()).contains(end))?;
        if &block[..8] != SIGNATURE || field::le16(block, 0x0A) != 2 || field::le32(block, 0x48) != 48 {
            return None;
        }
        let mut protections = Vec::new();
        let mut rest = &block[ENTRIES..end];
        while rest.len() >= 8 {
            let length = usize::from(field::le16(rest, 0));
            let Some((entry, tail)) = rest.split_at_checked(length).filter(|_| length >= 8) else {
                break;
            };
            if field::le16(entry, 2) == TYPE_MASTER_KEY && entry.len() >= 0x24 {
                protections.push(field::le16(entry, 0x22));
            }
            rest = tail;
        }
        Some(Self {
            state: field::le16(block, 0x0C),
            next_state: field::le16(block, 0x0E),
            cipher: field::le16(block, 0x64),
            id: crate::partition::Guid(block[0x50..0x60].try_into().ok()?).to_string(),
            protections,
        })
    }

    fn in_words(&self) -> String {
        let cipher = match self.cipher {
            0x8000 | 0x8001 => "AES-CBC with diffuser",
            0x8002 | 0x8003 => "AES-CBC",
            0x8004 | 0x8005 => "XTS-AES",
            _ => "an unknown cipher",
        };
        let clear = self.protections.contains(&0);
        let others: Vec<&str> = self
            .protections
            .iter()
            .filter(|kind| **kind != 0)
            .map(|kind| name(*kind))
            .collect();
        let state = match (clear, others.is_empty()) {
            (true, true) => {
                "with a clear key: Windows encrypted it by itself, and nothing protects its key".to_owned()
            }
            (true, false) => format!(
                "but suspended: beside {} its key lies in the clear",
                others.join(", ")
            ),
            (false, true) => "and no protector is known".to_owned(),
            (false, false) => format!("and on, protected by {}", others.join(", ")),
        };
        let moving = match (self.state, self.next_state) {
            (STATE_ENCRYPTED, STATE_ENCRYPTED) | (STATE_ENCRYPTED, 0) => "",
            (_, STATE_ENCRYPTED) => ", while it is still being encrypted",
            (_, 1) => ", while it is being decrypted",
            _ => ", while its state changes",
        };
        format!("BitLocker encrypts it ({cipher}) {state}{moving}")
    }
}

fn name(protection: u16) -> &'static str {
    match protection {
        0x0100 => "TPM",
        0x0200 => "startup key",
        0x0500 => "TPM and PIN",
        0x0800 => "recovery password",
        0x2000 => "password",
        _ => "an unknown protector",
    }
}
