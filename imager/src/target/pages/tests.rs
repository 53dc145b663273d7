use super::*;
use crate::error::{Error, ErrorKind};
use proptest::prelude::*;

/// A medium in memory that takes nothing but whole blocks.
struct Medium {
    bytes: Mutex<Vec<u8>>,
    block: u64,
    writes: AtomicUsize,
    reads: AtomicUsize,
    refuses: bool,
}

impl Medium {
    fn new(bytes: Vec<u8>, block: u64) -> Self {
        Self {
            bytes: Mutex::new(bytes),
            block,
            writes: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            refuses: false,
        }
    }

    fn checked(&self, offset: u64, length: usize) -> Range<usize> {
        assert!(offset.is_multiple_of(self.block) && length.is_multiple_of(index(self.block)));
        index(offset)..index(offset) + length
    }
}

impl Blocks for Medium {
    fn len(&self) -> u64 {
        lock(&self.bytes).len() as u64
    }
    fn block_len(&self) -> u64 {
        self.block
    }
    fn write_blocks(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if self.refuses {
            return Err(Error::new(ErrorKind::Write, "no"));
        }
        self.writes.fetch_add(1, Ordering::Relaxed);
        assert_eq!(bytes.as_ptr().align_offset(index(self.block)), 0);
        let range = self.checked(offset, bytes.len());
        lock(&self.bytes)[range].copy_from_slice(bytes);
        Ok(())
    }
    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let range = self.checked(offset, buffer.len());
        buffer.copy_from_slice(&lock(&self.bytes)[range]);
        Ok(())
    }
    fn zero_blocks(&self, range: Range<u64>) -> Result<()> {
        let range = self.checked(range.start, index(range.end - range.start));
        lock(&self.bytes)[range].fill(0);
        Ok(())
    }
    fn write_end(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut all = lock(&self.bytes);
        assert!(offset >= all.len() as u64 / self.block * self.block);
        all[index(offset)..index(offset) + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

#[test]
fn runs_that_share_pages_are_put_together_before_they_are_written() {
    let medium = Medium::new(vec![7; 1 << 20], 512);
    let pages = Pages::default();
    for piece in 0..256u64 {
        let bytes = vec![u8::try_from(piece).unwrap(); 1024];
        // Out of their order.
        pages.write(&medium, &bytes, piece * 37 % 256 * 1024).unwrap();
    }
    assert_eq!(medium.writes.load(Ordering::Relaxed), 0);
    pages.write_out(&medium).unwrap();
    assert_eq!((medium.writes.into_inner(), medium.reads.into_inner()), (1, 0));
}

#[test]
fn the_body_of_a_long_run_is_written_at_once_and_its_ends_with_their_neighbours() {
    let medium = Medium::new(vec![7; 1 << 20], 512);
    let pages = Pages::default();
    pages.write(&medium, &[1; 200_000], 1024).unwrap();
    assert_eq!(medium.writes.load(Ordering::Relaxed), 1);
    assert!(lock(&medium.bytes)[..4096].iter().all(|byte| *byte == 7));
    pages.write(&medium, &[2; 1024], 0).unwrap();
    pages.write_out(&medium).unwrap();
    let bytes = medium.bytes.into_inner().unwrap();
    assert!(bytes[..1024].iter().all(|byte| *byte == 2));
    assert!(bytes[1024..201_024].iter().all(|byte| *byte == 1));
    assert!(bytes[201_024..].iter().all(|byte| *byte == 7));
    // 201,024 is within a sector, which had to be read.
    assert_eq!((medium.writes.into_inner(), medium.reads.into_inner()), (3, 1));
}

#[test]
fn what_could_not_be_written_is_not_forgotten() {
    let medium = Medium {
        refuses: true,
        ..Medium::new(vec![7; 1 << 20], 512)
    };
    let pages = Pages::gathering(2);
    pages.write(&medium, &[1; 8192], 0).unwrap();
    assert!(!pages.is_lost());
    pages.write(&medium, &[1; 8192], 16384).unwrap_err();
    pages.write_out(&medium).unwrap();
    assert!(pages.is_lost());
}

proptest! {
    #[test]
    fn a_medium_has_what_was_written_and_nothing_else_changed(
        size in 4096u64..700_000,
        block in prop::sample::select(vec![512u64, 1024, 4096]),
        pages_max in prop::sample::select(vec![0usize, 3, 4096]),
        mut cuts in prop::collection::vec((any::<u64>(), 0u8..4), 0..60),
        threads in 1usize..4,
    ) {
        // The medium is cut into disjoint pieces; some are left, some zeroed, most written, by several threads.
        cuts.iter_mut().for_each(|(at, _)| *at %= size);
        cuts.push((0, 3));
        cuts.sort_unstable();
        cuts.dedup_by_key(|(at, _)| *at);
        let ends = cuts.iter().skip(1).map(|(at, _)| *at).chain([size]);
        let pieces: Vec<(Range<u64>, u8)> =
            cuts.iter().zip(ends).map(|((at, how), end)| (*at..end, *how)).collect();
        let mut expected = vec![0xEE; index(size)];
        let medium = Medium::new(expected.clone(), block);
        let pages = Pages::gathering(pages_max);
        for (number, (range, how)) in pieces.iter().enumerate() {
            let fill = match how {
                0 => continue,
                1 => 0,
                _ => u8::try_from(number).unwrap() | 0x40,
            };
            expected[index(range.start)..index(range.end)].fill(fill);
        }
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (pieces, pages, medium, expected) = (&pieces, &pages, &medium, &expected);
                scope.spawn(move || {
                    for (range, how) in pieces.iter().skip(thread).step_by(threads) {
                        match how {
                            0 => {}
                            1 => pages.zero(medium, range.clone()).unwrap(),
                            _ => pages
                                .write(medium, &expected[index(range.start)..index(range.end)], range.start)
                                .unwrap(),
                        }
                    }
                });
            }
        });
        pages.write_out(&medium).unwrap();
        prop_assert!(medium.bytes.into_inner().unwrap() == expected);
        prop_assert!(!pages.is_lost());
    }
}

#[test]
fn a_block_that_two_short_writes_share_belongs_to_one_stretch_even_where_a_long_one_is_cut() {
    let mut pages = BTreeMap::new();
    let last = WRITE_LEN as u64 / PAGE;
    for number in 0..=last {
        let filled = match number {
            0 => std::iter::once(512..4096).collect(),
            _ if number == last => vec![0..100, 200..600],
            _ => std::iter::once(0..4096).collect(),
        };
        let bytes = vec![0; 4096].into_boxed_slice();
        pages.insert(number, Page { bytes, filled });
    }
    let stretches = stretches(&pages, 512);
    let apart = stretches.windows(2).all(|pair| pair[0].end <= pair[1].start);
    assert!(apart, "{stretches:?}");
    assert_eq!(stretches.last().unwrap().end, last * PAGE + 1024);
}
