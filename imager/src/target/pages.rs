//! Writing past the page cache, by one who owns whole pages.
//!
//! ```text
//! write or zero ─┬─ the whole pages of a long run ──▶ the medium, at once, by the thread that has them
//!                └─ short runs, and the ends of long ones ──▶ gathered in memory, page by page
//! too many gathered, or a flush: in the order of the medium, what touches in one go
//! ```
//!
//! Nothing goes through the page cache, so nothing stale can come out of it: not over what a neighbour wrote, and not into
//! what is read back. A page that several runs share is put together in memory first. Of a page that stays incomplete the
//! blocks that were meant are written; only a block that is itself incomplete is read before. All that is done under one
//! lock, so that two threads never read and write back the same block.

use crate::{aligned::AlignedBuffer, error::Result, store::folder::lock};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::Range,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// What is gathered as one. No medium that we write to like this has longer blocks.
pub(crate) const PAGE: u64 = 4096;
/// Whole pages of this many bytes are not gathered.
pub(crate) const LONG: u64 = 64 << 10;
/// Most pages that are gathered: 16 MiB.
const PAGES_MAX: usize = 4096;
/// Bytes written in one go.
const WRITE_LEN: usize = 1 << 20;
/// Threads that write what was gathered: scattered short writes wait for the medium, not for us.
const WRITERS: usize = 8;

/// A medium that takes whole blocks, past any cache, and that nobody else writes to.
pub(crate) trait Blocks: Sync {
    /// Length in bytes, of which the last need not be a whole block.
    fn len(&self) -> u64;
    /// Length of a block, which divides [`PAGE`].
    fn block_len(&self) -> u64;
    /// Writes whole blocks from an aligned buffer.
    fn write_blocks(&self, bytes: &[u8], offset: u64) -> Result<()>;
    /// Reads whole blocks into an aligned buffer.
    fn read_blocks(&self, buffer: &mut [u8], offset: u64) -> Result<()>;
    /// Makes whole blocks read as zeros.
    fn zero_blocks(&self, range: Range<u64>) -> Result<()>;
    /// Writes something behind the last whole block, by whatever way there is.
    fn write_end(&self, bytes: &[u8], offset: u64) -> Result<()>;
}

/// What waits to be written to a medium.
pub(crate) struct Pages {
    gathered: Mutex<Gathered>,
    pages_max: usize,
}

#[derive(Default)]
struct Gathered {
    pages: BTreeMap<u64, Page>,
    /// What lies behind the last whole block.
    end: Vec<(u64, Vec<u8>)>,
    /// Something of it could not be written.
    is_lost: bool,
}

struct Page {
    bytes: Box<[u8]>,
    /// What of it was meant: disjoint, in order.
    filled: Vec<Range<usize>>,
}

impl Default for Pages {
    fn default() -> Self {
        Self::gathering(PAGES_MAX)
    }
}

impl Pages {
    /// One that gathers so many pages at most.
    pub(crate) fn gathering(pages_max: usize) -> Self {
        Self {
            gathered: Mutex::default(),
            pages_max,
        }
    }

    /// Writes bytes, which the medium has for certain after [`Pages::write_out`]. They lie within it.
    pub(crate) fn write(&self, medium: &dyn Blocks, bytes: &[u8], offset: u64) -> Result<()> {
        let range = offset..offset + bytes.len() as u64;
        let whole = whole_pages(&range);
        if whole.end.saturating_sub(whole.start) < LONG {
            return self.gather(medium, bytes, offset);
        }
        let (before, rest) = bytes.split_at(index(whole.start - offset));
        let (body, behind) = rest.split_at(index(whole.end - whole.start));
        self.gather(medium, before, offset)?;
        self.gather(medium, behind, whole.end)?;
        self.supersede(&whole);
        write_aligned(medium, body, whole.start)
    }

    /// The same with zeros.
    pub(crate) fn zero(&self, medium: &dyn Blocks, range: Range<u64>) -> Result<()> {
        let whole = whole_pages(&range);
        // Made when it is needed: a constant of that many zeros would be part of the agent, and of every network boot.
        let gather = |from: u64, to: u64| self.gather(medium, &vec![0; index(to - from)], from);
        if whole.end.saturating_sub(whole.start) < LONG {
            return gather(range.start, range.end);
        }
        gather(range.start, whole.start)?;
        gather(whole.end, range.end)?;
        self.supersede(&whole);
        medium.zero_blocks(whole)
    }

    /// Writes what was gathered. Only a medium's own flush makes it durable.
    pub(crate) fn write_out(&self, medium: &dyn Blocks) -> Result<()> {
        let mut gathered = self.lock();
        Self::write_pages(&mut gathered, medium)?;
        for (offset, bytes) in std::mem::take(&mut gathered.end) {
            let written = medium.write_end(&bytes, offset);
            gathered.is_lost |= written.is_err();
            written?;
        }
        Ok(())
    }

    /// Whether something that was gathered could not be written: who flushes must not call that done.
    pub(crate) fn is_lost(&self) -> bool {
        self.lock().is_lost
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        lock(&self.gathered)
    }

    /// Forgets what waits for pages that are written by another way now.
    fn supersede(&self, whole: &Range<u64>) {
        let mut gathered = self.lock();
        let numbers = whole.start / PAGE..whole.end / PAGE;
        while let Some((number, _)) = gathered.pages.range(numbers.clone()).next() {
            let number = *number;
            gathered.pages.remove(&number);
        }
    }

    fn gather(&self, medium: &dyn Blocks, bytes: &[u8], offset: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end_of_blocks = medium.len() - medium.len() % medium.block_len();
        let (mut bytes, behind) =
            bytes.split_at(bytes.len().min(index(end_of_blocks.saturating_sub(offset))));
        let mut gathered = self.lock();
        if !behind.is_empty() {
            gathered.end.push((offset.max(end_of_blocks), behind.to_vec()));
        }
        let mut offset = offset;
        while !bytes.is_empty() {
            let start = index(offset % PAGE);
            let (here, rest) = bytes.split_at(bytes.len().min(index(PAGE) - start));
            gathered
                .pages
                .entry(offset / PAGE)
                .or_insert_with(Page::empty)
                .fill(here, start);
            offset += here.len() as u64;
            bytes = rest;
        }
        if gathered.pages.len() > self.pages_max {
            Self::write_pages(&mut gathered, medium)?;
        }
        Ok(())
    }

    fn write_pages(gathered: &mut Gathered, medium: &dyn Blocks) -> Result<()> {
        let pages = std::mem::take(&mut gathered.pages);
        let written = write_pages(&pages, medium);
        gathered.is_lost |= written.is_err();
        written
    }
}

impl Page {
    fn empty() -> Self {
        Self {
            bytes: vec![0; index(PAGE)].into_boxed_slice(),
            filled: Vec::with_capacity(1),
        }
    }

    fn fill(&mut self, bytes: &[u8], start: usize) {
        let mut range = start..start + bytes.len();
        self.bytes[range.clone()].copy_from_slice(bytes);
        self.filled.retain(|other| {
            let touches = other.start <= range.end && range.start <= other.end;
            if touches {
                range = range.start.min(other.start)..range.end.max(other.end);
            }
            !touches
        });
        let at = self.filled.partition_point(|other| other.start < range.start);
        self.filled.insert(at, range);
    }
}

/// Writes bytes that begin and end with a page.
fn write_aligned(medium: &dyn Blocks, bytes: &[u8], offset: u64) -> Result<()> {
    for (piece, offset) in bytes.chunks(WRITE_LEN).zip((offset..).step_by(WRITE_LEN)) {
        with_buffer(piece.len(), |buffer| {
            buffer.copy_from_slice(piece);
            medium.write_blocks(buffer, offset)
        })?;
    }
    Ok(())
}

/// Lends a thread the aligned buffer that it keeps.
fn with_buffer<T>(length: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    thread_local! {
        static BUFFER: RefCell<AlignedBuffer> = RefCell::default();
    }
    BUFFER.with_borrow_mut(|buffer| work(buffer.at_least(length)))
}

/// Writes pages in the order of the medium, several stretches at a time.
fn write_pages(pages: &BTreeMap<u64, Page>, medium: &dyn Blocks) -> Result<()> {
    let stretches = stretches(pages, medium.block_len());
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        while !failed.load(Ordering::Relaxed)
            && let Some(stretch) = stretches.get(next.fetch_add(1, Ordering::Relaxed))
        {
            with_buffer(index(stretch.end - stretch.start), |buffer| {
                complete(pages, medium, stretch, buffer)?;
                medium.write_blocks(buffer, stretch.start)
            })
            .inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    if stretches.len() < 2 {
        return work();
    }
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..stretches.len().min(WRITERS))
            .map(|_| scope.spawn(work))
            .collect();
        let outcomes = writers.into_iter().map(|writer| {
            writer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // All of them, whatever the first one says.
        outcomes.fold(Ok(()), Result::and)
    })
}

/// The blocks that were meant, at least in part; those that touch together. No block is in two of them.
fn stretches(pages: &BTreeMap<u64, Page>, block: u64) -> Vec<Range<u64>> {
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for (number, page) in pages {
        for filled in &page.filled {
            let (start, end) = (filled.start as u64, filled.end as u64);
            let start = number * PAGE + (start - start % block);
            let end = number * PAGE + end.next_multiple_of(block);
            match stretches.last_mut() {
                // Cut only between pages.
                Some(last)
                    if last.end > start
                        || last.end == start
                            && (!start.is_multiple_of(PAGE) || end - last.start <= WRITE_LEN as u64) =>
                {
                    last.end = last.end.max(end);
                }
                _ => stretches.push(start..end),
            }
        }
    }
    stretches
}

/// Puts a stretch together: what was meant, and of blocks that are incomplete what the medium has.
fn complete(
    pages: &BTreeMap<u64, Page>,
    medium: &dyn Blocks,
    stretch: &Range<u64>,
    buffer: &mut [u8],
) -> Result<()> {
    let numbers = stretch.start / PAGE..stretch.end.div_ceil(PAGE);
    for (number, page) in pages.range(numbers) {
        let base = number * PAGE;
        let here = stretch.start.max(base)..stretch.end.min(base + PAGE);
        let part = &mut buffer[index(here.start - stretch.start)..index(here.end - stretch.start)];
        let within = index(here.start - base)..index(here.end - base);
        let is_complete = page
            .filled
            .iter()
            .any(|filled| filled.start <= within.start && within.end <= filled.end);
        if !is_complete {
            medium.read_blocks(part, here.start)?;
        }
        for filled in &page.filled {
            let both = filled.start.max(within.start)..filled.end.min(within.end);
            if !both.is_empty() {
                part[both.start - within.start..both.end - within.start].copy_from_slice(&page.bytes[both]);
            }
        }
    }
    Ok(())
}

/// The pages that lie wholly in a range; empty if there is none.
pub(crate) fn whole_pages(range: &Range<u64>) -> Range<u64> {
    let start = range.start.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
    start..(range.end - range.end % PAGE)
}

/// Lengths within what is in memory.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
