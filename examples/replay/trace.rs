//! A recorded process: what it had, what it did, and what Linux says it had in the end.

use std::collections::BTreeMap;

use kernel_vm::{MemoryArea, Permissions, VirtAddr};

use super::line;
use super::trace_error::{Problem, TraceError};
use super::view::View;

/// The pages of the recorded machine, in bytes.
pub(crate) const PAGE: usize = 4096;

/// How many pages a trace may have in the end, so that looking at each is done some day: what Sv39 can map in all.
const MAX_PAGES: usize = 1 << 27;

/// A run of pages that Linux sees alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Region {
    pub(crate) area: MemoryArea,
    pub(crate) view: View,
}

/// One line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    Init(Region),
    Call(Call),
    Final(Region),
}

/// What the process asked of Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Map(Region),
    Unmap(MemoryArea),
    Protect(MemoryArea, Permissions),
    Remap { old: MemoryArea, new: MemoryArea },
}

/// A whole file. What is to be replayed has the number of its line beside it.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) init: Vec<(usize, Region)>,
    pub(crate) calls: Vec<(usize, Call)>,
    /// What Linux had in the end, by its start.
    last: BTreeMap<VirtAddr, Region>,
    /// How many pages that is.
    pages: usize,
}

impl Trace {
    /// Reads a whole file.
    ///
    /// # Errors
    /// The first bad line.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, TraceError> {
        let mut trace = Self::default();
        for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            line::parse(text)
                .and_then(|event| event.map_or(Ok(()), |event| trace.push(line, event)))
                .map_err(|problem| TraceError { line, problem })?;
        }
        Ok(trace)
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

    /// Linux's last view, page by page, as RISC-V can say it.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (VirtAddr, View)> {
        let views = |region: &Region| {
            let view = region.view.widened();
            pages(region.area).map(move |page| (page, view))
        };
        self.last.values().flat_map(views)
    }
}

/// The pages of `area`, in order.
pub(crate) fn pages(area: MemoryArea) -> impl Iterator<Item = VirtAddr> {
    (0..area.size())
        .step_by(PAGE)
        .filter_map(move |offset| area.at(offset))
}
