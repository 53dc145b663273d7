//! The reader of a capture: everything that reads at once comes first, in large reads and in the order of the disk. What
//! failed is gone back to at the end ([`super::rescue`]), so that a disk which is dying gives its good parts before it is
//! asked for the bad ones.

use super::{
    arena::{Arena, Lease},
    pipeline::State,
    plan::{How, Plan, Span, UNIT_LEN},
    rescue::Rescuer,
};
use crate::{
    disk::ReadAt,
    error::{Error, ErrorKind, Result},
    progress::{Phase, Progress},
    store::folder::lock,
};
use crossbeam_channel::Sender;
use std::{ops::Range, sync::atomic::Ordering};

/// Spans that are read together, and their bytes once they are read.
pub(super) struct Unit {
    pub(super) number: u64,
    pub(super) spans: Vec<Span>,
    /// The bytes of the spans that are read, one behind the other.
    pub(super) buffer: Lease,
    /// What of it stays unreadable, in order; zeros in the buffer.
    pub(super) unreadable: Vec<Range<u64>>,
    /// It comes behind the others, for the room that was left for it.
    pub(super) is_late: bool,
}

/// Most spans of a unit.
const UNIT_SPANS: usize = 8192;
/// Runs that are left for later; the next that fail are gone into at once. Each keeps a segment of the manifest in memory.
const POSTPONED_MAX: usize = if cfg!(test) { 3 } else { 64 };
/// Ranges that cannot be read before a capture is given up: 16 MB of them in memory.
const UNREADABLE_MAX: usize = 1 << 20;

/// Reads a plan.
pub(super) struct Reader<'a> {
    disk: &'a dyn ReadAt,
    plan: &'a Plan,
    arena: &'a Arena,
    units: &'a Sender<Unit>,
    state: &'a State,
    progress: &'a dyn Progress,
    rescuer: Rescuer<'a>,
    postponed: Vec<Vec<Span>>,
    next_number: u64,
    unreadable: Vec<Range<u64>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        disk: &'a dyn ReadAt,
        plan: &'a Plan,
        arena: &'a Arena,
        units: &'a Sender<Unit>,
        state: &'a State,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            disk,
            plan,
            arena,
            units,
            state,
            progress,
            rescuer: Rescuer::new(disk, progress),
            postponed: Vec::new(),
            next_number: 0,
            unreadable: Vec::new(),
        }
    }

    /// Reads everything; what stays unreadable is left in the state.
    pub(super) fn run(mut self) -> Result<()> {
        self.read_in_order()?;
        self.read_postponed()?;
        self.unreadable.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in self.unreadable {
            match joined.last_mut().filter(|last| last.end == range.start) {
                Some(last) => last.end = range.end,
                None => joined.push(range),
            }
        }
        *lock(&self.state.unreadable) = joined;
        Ok(())
    }

    /// Reads the spans in order, unit by unit.
    fn read_in_order(&mut self) -> Result<()> {
        let mut data = self.disk.next_data(0);
        let (disk, plan) = (self.disk, self.plan);
        let mut spans = plan
            .spans()
            .map(|span| without_holes(disk, span, &mut data))
            .peekable();
        // Of the bytes in use, whether they had to be read or turned out to be holes.
        let mut done = 0;
        while spans.peek().is_some() && !self.state.stopped() {
            self.progress.check_cancelled()?;
            let mut unit = self.begin_unit(Vec::new(), false);
            let mut wanted = 0;
            while let Some(span) = spans.next_if(|span| {
                unit.spans.is_empty()
                    || wanted + span.read_len() <= UNIT_LEN as u64 && unit.spans.len() < UNIT_SPANS
            }) {
                wanted += span.read_len();
                unit.spans.push(span);
            }
            let used = unit.spans.iter().filter(|span| span.how != How::Free);
            done = plan
                .bytes_used
                .min(done + used.map(|span| span.length).sum::<u64>());
            self.fill(&mut unit, index(wanted))?;
            if self.units.send(unit).is_err() {
                break;
            }
            self.progress.report(Phase::Capturing, done, plan.bytes_used);
        }
        Ok(())
    }

    /// Reads what was left for later, as far as it can be read.
    fn read_postponed(&mut self) -> Result<()> {
        let length = |run: &[Span]| run.iter().map(|span| span.length).sum::<u64>();
        let total = self.postponed.iter().map(|run| length(run)).sum();
        let mut done = 0;
        for run in std::mem::take(&mut self.postponed) {
            let Some(offset) = run.first().map(|span| span.offset) else {
                continue;
            };
            if self.state.stopped() {
                break;
            }
            self.progress.report(Phase::Rescuing, done, total);
            let wanted = length(&run);
            let mut unit = self.begin_unit(run, true);
            unit.unreadable = self.rescuer.rescue(unit.buffer.at_least(index(wanted)), offset)?;
            self.note_read(wanted, &unit.unreadable)?;
            if self.units.send(unit).is_err() {
                break;
            }
            done += wanted;
        }
        Ok(())
    }

    fn begin_unit(&mut self, spans: Vec<Span>, is_late: bool) -> Unit {
        let number = self.next_number;
        self.next_number += 1;
        Unit {
            number,
            spans,
            buffer: self.arena.lease(),
            unreadable: Vec::new(),
            is_late,
        }
    }

    /// Reads a unit's spans, those that touch in one go.
    fn fill(&mut self, unit: &mut Unit, wanted: usize) -> Result<()> {
        let buffer = unit.buffer.at_least(wanted);
        let mut at = 0;
        let mut first = 0;
        while let Some(span) = unit.spans.get(first) {
            if span.read_len() == 0 {
                first += 1;
                continue;
            }
            let (offset, mut length, mut end) = (span.offset, 0, first);
            while let Some(span) = unit.spans.get(end)
                && span.read_len() > 0
                && span.offset == offset + length
            {
                length += span.length;
                end += 1;
            }
            let bytes = &mut buffer[at..at + index(length)];
            let mut lost = Vec::new();
            if !self.rescuer.read(bytes, offset)? {
                if self.postponed.len() < POSTPONED_MAX {
                    let run = &mut unit.spans[first..end];
                    self.postponed.push(run.to_vec());
                    run.iter_mut().for_each(|span| span.how = How::Later);
                    first = end;
                    continue;
                }
                lost = self.rescuer.rescue(bytes, offset)?;
            }
            self.note_read(length, &lost)?;
            unit.unreadable.extend(lost);
            at += index(length);
            first = end;
        }
        Ok(())
    }

    fn note_read(&mut self, wanted: u64, lost: &[Range<u64>]) -> Result<()> {
        let bytes_lost: u64 = lost.iter().map(|range| range.end - range.start).sum();
        self.state
            .bytes_read
            .fetch_add(wanted - bytes_lost, Ordering::Relaxed);
        self.unreadable.extend_from_slice(lost);
        if self.unreadable.len() > UNREADABLE_MAX {
            return Err(Error::new(
                ErrorKind::Read,
                format!("the source cannot be read in more than {UNREADABLE_MAX} places"),
            )
            .with_remedy("the disk is failing as a whole: replace it"));
        }
        Ok(())
    }
}

/// A span that lies in a hole of the source is zeros without reading. `data` is the range of data at or behind it.
fn without_holes(disk: &dyn ReadAt, mut span: Span, data: &mut Option<Range<u64>>) -> Span {
    while let Some(behind) = data.as_ref().filter(|data| data.end <= span.offset) {
        *data = disk.next_data(behind.end);
    }
    let in_hole = data
        .as_ref()
        .is_none_or(|data| data.start >= span.offset + span.length);
    if in_hole && matches!(span.how, How::Whole | How::Content) {
        span.how = How::Zeros;
    }
    span
}

impl Span {
    /// Bytes of it that are read.
    pub(super) fn read_len(&self) -> u64 {
        match self.how {
            How::Whole | How::Content => self.length,
            How::Zeros | How::Free | How::Later => 0,
        }
    }
}

/// Lengths within a unit.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}
