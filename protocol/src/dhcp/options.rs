//! Options as a raw list that keeps the order of the wire, and the options inside an option.
//!
//! ```text
//! code (1) │ length n (1) │ data (n)        0 = pad and 255 = end stand alone
//! ```
//!
//! A value over 255 bytes is sent as several options of one code; a reader joins them (RFC 3396 §5, §7). Apple's BSDP
//! repeats option 43 for the same reason, so a repeated code is kept as it came and joined when it is read.

use super::code;

/// One option as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawOption {
    code: u8,
    // At most 255 bytes: only `OptionList` makes these.
    data: Vec<u8>,
}

impl RawOption {
    /// Its code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Its bytes, at most 255.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// The options of a packet, in the order of the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionList {
    entries: Vec<RawOption>,
    pub(super) truncated: bool,
}

impl OptionList {
    /// Reads options up to the end mark or the end of the bytes. Whatever stands before a damaged place is kept.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut list = Self::default();
        let mut rest = bytes;
        loop {
            match rest {
                [] | [code::END, ..] => break,
                [code::PAD, after @ ..] => rest = after,
                [code, len, after @ ..] => {
                    let Some((data, after)) = after.split_at_checked(usize::from(*len)) else {
                        list.truncated = true;
                        break;
                    };
                    list.entries.push(RawOption {
                        code: *code,
                        data: data.to_vec(),
                    });
                    rest = after;
                }
                [_] => {
                    list.truncated = true;
                    break;
                }
            }
        }
        list
    }

    /// Whether the last option ran over the end of the packet and was dropped.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }

    /// Adds an option, split into several of 255 bytes if it is longer. The codes of pad, end and overload are ignored:
    /// they are the writer's own.
    pub fn push(&mut self, code: u8, data: &[u8]) {
        if matches!(code, code::PAD | code::END | code::OVERLOAD) {
            return;
        }
        if data.is_empty() {
            self.entries.push(RawOption {
                code,
                data: Vec::new(),
            });
        }
        for piece in data.chunks(255) {
            self.entries.push(RawOption {
                code,
                data: piece.to_vec(),
            });
        }
    }

    /// Gives an option another value; its place is that of its first piece, or the end if it was not there.
    pub fn replace(&mut self, code: u8, data: &[u8]) {
        let place = self
            .entries
            .iter()
            .position(|entry| entry.code == code)
            .unwrap_or(self.entries.len());
        let mut behind = self.entries.split_off(place);
        behind.retain(|entry| entry.code != code);
        self.push(code, data);
        self.entries.append(&mut behind);
    }

    /// The options as they stand on the wire.
    pub fn iter(&self) -> impl Iterator<Item = &RawOption> {
        self.entries.iter()
    }

    /// Whether an option is there at all.
    #[must_use]
    pub fn contains(&self, code: u8) -> bool {
        self.entries.iter().any(|entry| entry.code == code)
    }

    /// The value of an option, its pieces joined in order.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<Vec<u8>> {
        self.contains(code).then(|| {
            self.entries
                .iter()
                .filter(|entry| entry.code == code)
                .flat_map(|entry| &entry.data)
                .copied()
                .collect()
        })
    }

    /// The value of an option that has exactly N bytes.
    #[must_use]
    pub fn fixed<const N: usize>(&self, code: u8) -> Option<[u8; N]> {
        self.get(code)?.try_into().ok()
    }

    /// The text of an option up to the first NUL, with what is no UTF-8 replaced. Absent if nothing is left.
    #[must_use]
    pub fn text(&self, code: u8) -> Option<String> {
        text_of(&self.get(code)?)
    }

    pub(super) fn append(&mut self, other: Self) {
        self.truncated |= other.truncated;
        // An overload inside an overloaded field means nothing.
        self.entries.extend(
            other
                .entries
                .into_iter()
                .filter(|entry| entry.code != code::OVERLOAD),
        );
    }

    /// Removes option 52 and says which fields hold options: bit 0 `file`, bit 1 `sname`.
    pub(super) fn take_overload(&mut self) -> u8 {
        let bits = self.fixed::<1>(code::OVERLOAD).map_or(0, |[bits]| bits);
        self.entries.retain(|entry| entry.code != code::OVERLOAD);
        bits
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        for entry in &self.entries {
            let len = u8::try_from(entry.data.len()).unwrap_or(u8::MAX);
            bytes.extend([entry.code, len]);
            bytes.extend(entry.data.iter().take(usize::from(len)));
        }
    }
}

/// Text up to the first NUL; none if empty.
pub(super) fn text_of(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

/// Options inside option 43, 82 or 175: the same shape, one level down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubOptions(OptionList);

impl SubOptions {
    /// Reads the value of the enclosing option.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        Self(OptionList::parse(value))
    }

    /// Adds a sub-option.
    #[must_use]
    pub fn with(mut self, code: u8, data: &[u8]) -> Self {
        self.0.push(code, data);
        self
    }

    /// The value of a sub-option.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<Vec<u8>> {
        self.0.get(code)
    }

    /// Whether a sub-option is there at all.
    #[must_use]
    pub fn contains(&self, code: u8) -> bool {
        self.0.contains(code)
    }

    /// The value for the enclosing option, with an end mark, which PXE ROMs want (PXE 2.1 table 2-1).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.write(&mut bytes);
        bytes.push(code::END);
        bytes
    }
}
