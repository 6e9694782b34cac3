//! The calls to the platform's hooks, in all spaces where they must be.
//!
//! Leaves of a kernel half are in every space, so its orders are global: no root and no ASID tells their translations
//! apart. An edit never asks which kind it edits; it calls these.

use super::entry::format::Format;
use super::memory::Radix;
use crate::addr::PhysAddr;
use crate::area::MemoryArea;
use crate::asid::Asid;
use crate::flush::Flush;
use crate::permissions::Permissions;
use crate::platform::Platform;

/// The kind of entries that an edit has made valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum New {
    /// Leaves, in tables that were there.
    Leaves,
    /// Leaves, and tables that they are in. A CPU may have cached that there was no table.
    Tables,
}

impl<F: Format, P: Platform> Radix<F, P> {
    /// Flushes leaves in `area` under `asid`, and nothing else. One flush.
    #[inline]
    pub(super) fn flush_leaves(&self, area: MemoryArea, asid: Asid) {
        let ranges = [area];
        self.flush(Flush::leaves(self.root_addr(), &ranges).under(asid));
    }

    /// Flushes `flush`, in all spaces where it must be, and waits. One flush.
    #[inline]
    pub(super) fn flush(&self, flush: Flush<'_>) {
        self.platform().flush(&self.in_all_spaces(flush));
    }

    /// Tells the platform that there are leaves in `area` now, and maybe tables, where nothing was valid. The ASID is
    /// not known: a space may map before it has one.
    #[inline]
    pub(super) fn made_valid(&self, area: MemoryArea, new: New) {
        let ranges = [area];
        let made = Flush::leaves(self.root_addr(), &ranges);
        let made = match new {
            New::Leaves => made,
            New::Tables => made.with_tables(),
        };
        self.platform().made_valid(&self.in_all_spaces(made));
    }

    /// Tells the platform, if `permissions` let code run, that the frames from `first` on, of `size` bytes, are about
    /// to become executable. Before their leaf is written: whoever jumps there finds its bytes.
    #[inline]
    pub(super) fn made_code(&self, first: PhysAddr, size: usize, permissions: Permissions) {
        if permissions.contains(Permissions::EXECUTE) {
            let frames = MemoryArea::from_start_size(first, size);
            frames
                .into_iter()
                .for_each(|frames| self.platform().made_code(frames));
        }
    }

    #[inline]
    pub(super) fn in_all_spaces<'a>(&self, flush: Flush<'a>) -> Flush<'a> {
        if self.is_kernel() {
            flush.global()
        } else {
            flush
        }
    }
}
