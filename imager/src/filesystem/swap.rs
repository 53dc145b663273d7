//! Linux swap space: only its header page matters.
//!
//! ```text
//! Header page of 4, 8, 16, 32 or 64 KiB (the machine's page size), numbers in the machine's byte order
//! offset   size  meaning
//!   1024      4  version, 1
//!   1028      4  last page
//!   1032      4  number of bad pages
//!   1036     16  UUID
//!   1052     16  label
//! page−10     10  "SWAPSPACE2"; "SWAP-SPACE" is the old form;
//!                 "S1SUSPEND", "ULSUSPEND", "LINHIB0001": a hibernated system is stored here
//! ```
//! Source: mkswap(8), Linux `include/linux/swap.h` (union swap_header), `kernel/power/swap.c`.

use super::{Kind, Mapped, Mapping, NoFiles, Outcome, Ranges, Volume, volume::field};

/// What the signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    Swap,
    Hibernated,
}

/// The signature and the page size it was found by.
pub(super) fn find_signature(volume: &Volume<'_>) -> Option<(Signature, u64)> {
    [4096u64, 8192, 16384, 32768, 65536].into_iter().find_map(|page| {
        let bytes = volume.read(page - 10, 10).ok()?;
        let signature = match bytes.as_slice() {
            b"SWAPSPACE2" | b"SWAP-SPACE" => Signature::Swap,
            b"LINHIB0001" => Signature::Hibernated,
            other if other.starts_with(b"S1SUSPEND") || other.starts_with(b"S2SUSPEND") => {
                Signature::Hibernated
            }
            other if other.starts_with(b"ULSUSPEND") => Signature::Hibernated,
            _ => return None,
        };
        Some((signature, page))
    })
}

/// Maps swap space: the header page is used, the rest is free.
pub(super) fn map(volume: &Volume<'_>) -> Mapping {
    let Some((signature, page)) = find_signature(volume) else {
        return Mapping::raw(Kind::Swap, "the swap signature cannot be read");
    };
    let header = match volume.read(0, 4096) {
        Ok(header) => header,
        Err(reason) => return Mapping::raw(Kind::Swap, format!("the swap header cannot be read: {reason}")),
    };
    let place = volume.place();
    let mut mapping = Mapping {
        kind: Kind::Swap,
        label: field::text(&header[1052..1068]),
        uuid: field::uuid(&header[1036..1052]),
        block_size_bytes: 4096,
        notes: Vec::new(),
        outcome: Outcome::Mapped(Mapped {
            used: Ranges::from_one(place.start..place.start + page),
            zeroed: Ranges::new(),
            files: Box::new(NoFiles),
        }),
    };
    if signature == Signature::Hibernated {
        mapping.outcome = Outcome::Refused {
            reason: "a hibernated Linux system is stored in this swap space: its filesystems are not at rest"
                .into(),
            remedy: "start the machine, let it resume, shut it down completely, and capture again".into(),
        };
    }
    mapping
}
