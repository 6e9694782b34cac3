//! A recorded process: what it had, what it did, and what its system says it had in the end.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::permissions::Permissions;

use super::error::{Problem, TraceError};
use super::line;
use super::view::View;

/// The pages of the recorded machine, in bytes.
pub(super) const PAGE: usize = 4096;

/// How many pages a trace may have in the end, so that looking at each is done some day: what Sv39 can map in all.
const MAX_PAGES: usize = 1 << 27;

/// A run of pages that are seen alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Region {
    pub(super) area: MemoryArea,
    pub(super) view: View,
}

/// One line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Init(Region),
    Call(Call),
    Final(Region),
}

/// What the process asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Map(Region),
    Unmap(MemoryArea),
    Protect(MemoryArea, Permissions),
    Remap { old: MemoryArea, new: MemoryArea },
}

/// The recorded history of an address space: what a process had, what it asked for, and what the system that it ran on
/// says it had in the end.
///
/// The format is text, one event a line; areas are hexadecimal, whole pages of 4096 bytes, the end exclusive. `#`
/// starts a comment. `strace` and `/proc/PID/maps` tell all that it takes.
///
/// | line | meaning |
/// |---|---|
/// | `init AREA rwxp` | there before the first call; these come first, and do not overlap |
/// | `map AREA rwxp` | `mmap`: takes the place of whatever was there; `p` is private, `s` is shared |
/// | `unmap AREA` | `munmap`: whatever is there, holes too |
/// | `protect AREA rwx` | `mprotect`: no holes |
/// | `remap OLD NEW` | `mremap`: grown or shrunk in place when both start alike, else moved over whatever was at `NEW` |
/// | `final AREA rwxp` | there after the last call; these come last, and do not overlap |
///
/// Growing takes free space, or, where it moves, whatever was there. `---` is there, and nobody may touch it.
#[derive(Debug, Default)]
pub struct Trace {
    // What is to be replayed has the number of its line beside it.
    pub(super) init: Vec<(usize, Region)>,
    pub(super) calls: Vec<(usize, Call)>,
    /// What there was in the end, by its start.
    last: BTreeMap<VirtAddr, Region>,
    /// How many pages that is.
    pages: usize,
}

impl Trace {
    /// Reads a trace. O(lines log lines).
    ///
    /// ```
    /// use kernel_vm::testing::Trace;
    ///
    /// let trace = Trace::parse(b"map 1000-3000 rw-p\nunmap 2000-3000\nfinal 1000-2000 rw-p")?;
    /// assert_eq!(trace.len(), 2);
    /// let error = Trace::parse(b"map 1000-3000 rw").unwrap_err();
    /// assert_eq!(error.line(), 1);
    /// # Ok::<(), kernel_vm::testing::TraceError>(())
    /// ```
    ///
    /// # Errors
    /// The first bad line.
    pub fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        let mut trace = Self::default();
        for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            line::parse(text)
                .and_then(|event| event.map_or(Ok(()), |event| trace.push(line, event)))
                .map_err(|problem| TraceError::new(line, problem))?;
        }
        Ok(trace)
    }

    /// How many calls the process made. O(1).
    #[must_use]
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether it made none. O(1).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Takes the next event; `init` comes first, `final` last.
    fn push(&mut self, line: usize, event: Event) -> Result<(), Problem> {
        match event {
            Event::Final(region) => return self.push_final(region),
            Event::Init(_) if !self.calls.is_empty() => return Err(Problem::LateInit),
            _ if !self.last.is_empty() => return Err(Problem::AfterFinal),
            Event::Init(region) => self.init.push((line, region)),
            Event::Call(call) => self.calls.push((line, call)),
        }
        Ok(())
    }

    fn push_final(&mut self, region: Region) -> Result<(), Problem> {
        let below = self.last.range(..=region.area.end()).next_back();
        match below {
            Some((_, below)) if below.area.overlaps(&region.area) => Err(Problem::Overlap {
                existing: below.area,
            }),
            _ if region.area.size() / PAGE > MAX_PAGES - self.pages => Err(Problem::TooManyPages),
            _ => {
                self.pages += region.area.size() / PAGE;
                self.last.insert(region.area.start(), region);
                Ok(())
            }
        }
    }

    /// The last view of the recorded system, page by page, as RISC-V can say it.
    pub(super) fn pages(&self) -> impl Iterator<Item = (VirtAddr, View)> {
        let views = |region: &Region| {
            let view = region.view.widened();
            pages(region.area).map(move |page| (page, view))
        };
        self.last.values().flat_map(views)
    }
}

/// The pages of `area`, in order.
pub(super) fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    (0..area.size())
        .step_by(PAGE)
        .filter_map(move |offset| area.at(offset))
}
