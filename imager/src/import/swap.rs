//! Swap space, made anew as `mkswap` does.
//!
//! | offset | size | meaning |
//! | --- | --- | --- |
//! | 1024 | 4 | version, 1 |
//! | 1028 | 4 | last page; 1032: 4 bad pages, 0 |
//! | 1036 | 16 | UUID |
//! | 1052 | 16 | label |
//! | 4086 | 10 | `SWAPSPACE2` |
//!
//! Pages of 4096 bytes, little-endian. Source: Linux `include/linux/swap.h`.

const PAGE_BYTES: usize = 4096;

/// The first page of swap space that fills a partition.
pub(super) fn header(partition_bytes: u64, uuid: Option<[u8; 16]>, label: &str) -> Vec<u8> {
    let mut page = vec![0; PAGE_BYTES];
    let pages = partition_bytes / PAGE_BYTES as u64;
    let last = u32::try_from(pages.saturating_sub(1)).unwrap_or(u32::MAX);
    page[1024..1028].copy_from_slice(&1u32.to_le_bytes());
    page[1028..1032].copy_from_slice(&last.to_le_bytes());
    page[1036..1052].copy_from_slice(&uuid.unwrap_or_default());
    let label = label.as_bytes();
    // The last byte ends the text.
    let length = label.len().min(15);
    page[1052..1052 + length].copy_from_slice(&label[..length]);
    page[4086..].copy_from_slice(b"SWAPSPACE2");
    page
}
