//! What a generation has handed out. Under the allocator's lock.

use super::context::Context;
use super::number::Asid;

pub(super) struct State<const CPUS: usize> {
    /// The next number that was not handed out in this generation.
    next: u16,
    /// Whether all numbers were.
    exhausted: bool,
    /// What each CPU ran when the generation began, and may still run.
    pub(super) reserved: [Context; CPUS],
    /// Who has to flush at the next switch.
    pub(super) pending: [bool; CPUS],
}

impl<const CPUS: usize> State<CPUS> {
    pub(super) const NEW: Self = Self {
        next: 1,
        exhausted: false,
        reserved: [Context::NONE; CPUS],
        pending: [true; CPUS],
    };

    /// All numbers but the reserved ones are free, and every CPU has to flush.
    pub(super) const fn begin(&mut self) {
        self.next = 1;
        self.exhausted = false;
        self.pending = [true; CPUS];
    }

    /// Whether some CPU ran `old` when the generation began: then it goes on as `new`.
    pub(super) fn claim(&mut self, old: Context, new: Context) -> bool {
        let mut found = false;
        for reserved in self
            .reserved
            .iter_mut()
            .filter(|reserved| **reserved == old)
        {
            *reserved = new;
            found = true;
        }
        found
    }

    /// A number that nobody has in this generation, if there is any left.
    pub(super) fn take(&mut self, highest: u16) -> Option<Asid> {
        while !self.exhausted {
            let asid = Asid::new(self.next);
            self.exhausted = self.next == highest;
            self.next = self.next.wrapping_add(1);
            if !self.reserved.iter().any(|reserved| reserved.asid() == asid) {
                return Some(asid);
            }
        }
        None
    }
}
