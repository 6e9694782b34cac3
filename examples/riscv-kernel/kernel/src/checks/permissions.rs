//! What a mapping allows, against the manual: every combination of R, W, X and U, from S-mode and U-mode.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kernel_vm::Access::{Execute, Read, Write};
use kernel_vm::{Access, FrameAllocator, MapError, Permissions, PhysAddr};

use super::{Outcome, Seen, check};
use crate::frames;
use crate::layout::{PAGE, area};
use crate::memory::{Memory, alloc, map, map_frame};
use crate::probe::{self, Fault, MXR, SUM};
use crate::user::{A0, A1, CODE, Entry, Registers, Trap, UserSpace};

/// Who makes an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// S-mode, with these bits of `sstatus`.
    Kernel(usize),
    /// U-mode.
    User,
}

const EVERYONE: [(Who, &str); 4] = [
    (Who::Kernel(0), "S-mode"),
    (Who::Kernel(SUM), "S-mode with SUM"),
    (Who::Kernel(MXR), "S-mode with MXR"),
    (Who::User, "U-mode"),
];

/// The page that is tried, and what is in it: a `ret`, an `ecall`, and a word.
const AT: usize = 0x20_0000;
const RET: u64 = 0x8067;
const ECALL: u64 = 0x73;
const ECALL_AT: usize = 8;
const WORD_AT: usize = 16;

pub fn run() {
    for (who, name) in EVERYONE {
        check(&format!("permissions, {name}"), || every_combination(who));
    }
    check("permissions, protected", every_change);
    check("write without read", write_without_read);
}

/// All that an entry can say: 6 combinations of R, W and X, nothing at all among them, each with and without U.
fn combinations() -> impl Iterator<Item = Permissions> + Clone {
    let all = (0..16).map(Permissions::from_bits_truncate);
    all.filter(|all| all.contains(Permissions::READ) || !all.contains(Permissions::WRITE))
}

/// Whether the manual allows it (Privileged, 'Virtual Address Translation Process', step 7; 'Supervisor Status
/// Register', SUM and MXR).
fn is_allowed(who: Who, permissions: Permissions, access: Access) -> bool {
    let is_user = permissions.contains(Permissions::USER);
    let mode = match who {
        Who::User => is_user,
        Who::Kernel(bits) => !is_user || (bits & SUM != 0 && access != Execute),
    };
    let readable = who == Who::Kernel(MXR) && access == Read && permissions.allow(Execute);
    mode && (permissions.allow(access) || readable)
}

struct Page {
    user: UserSpace,
    /// Kept beside the map, so that the page goes from map to map.
    memory: Memory,
    frame: PhysAddr,
}

impl Page {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut user = UserSpace::new()?;
        user.load_program()?;
        user.activate();
        // So that no fault is the code's own.
        user.page_fault(Fault::of(Execute, CODE))?;
        let frame = alloc()?;
        let page = Self {
            user,
            frame: frame.addr(),
            memory: Memory::page(frame),
        };
        page.word(0).store(RET, Relaxed);
        page.word(ECALL_AT).store(ECALL, Relaxed);
        Ok(page)
    }

    /// A word of the frame, in the direct map.
    fn word(&self, offset: usize) -> &AtomicU64 {
        let page = frames::counted()
            .reach(self.frame)
            .cast::<[AtomicU64; 512]>();
        // SAFETY: the frame is ours while `self` lives. Its other mappings are used by our own assembly only.
        unsafe { &page.as_ref()[offset / 8] }
    }

    fn map(&mut self, permissions: Permissions) -> Seen {
        let frame = self.memory.share()?;
        Ok(map_frame(&mut self.user.space, AT, frame, permissions)?)
    }

    /// Tries all accesses, and answers how many of them faulted.
    fn try_all(&self, who: Who, permissions: Permissions) -> Result<usize, Box<dyn Error>> {
        let mut faults = 0;
        for access in [Read, Write, Execute] {
            let (before, new) = (0x1234_5678, 0x8765_4321);
            self.word(WORD_AT).store(before, Relaxed);
            let at = AT
                + if access == Execute {
                    self.fetched_at(who)
                } else {
                    WORD_AT
                };
            let found = match who {
                Who::Kernel(bits) => by_kernel(bits, access, at, new),
                Who::User => by_user(access, at, new),
            };
            let allowed = is_allowed(who, permissions, access);
            let expected = if allowed {
                Ok(if access == Read { before } else { 0 })
            } else {
                Err(Fault::of(access, at))
            };
            ensure!(
                found == expected,
                "{access:?} with {permissions}: {found:x?}, not {expected:x?}"
            );
            let after = self.word(WORD_AT).load(Relaxed);
            let wanted = if allowed && access == Write {
                new
            } else {
                before
            };
            ensure!(
                after == wanted,
                "{access:?} with {permissions} left {after:#x}"
            );
            faults += usize::from(!allowed);
        }
        Ok(faults)
    }

    const fn fetched_at(&self, who: Who) -> usize {
        match who {
            Who::Kernel(_) => 0,
            Who::User => ECALL_AT,
        }
    }
}

/// What a load read, or 0.
fn by_kernel(bits: usize, access: Access, at: usize, new: u64) -> Result<u64, Fault> {
    probe::with_status(bits, || match access {
        Read => probe::load(at),
        Write => probe::store(at, new).map(|()| 0),
        Execute => probe::fetch(at).map(|()| 0),
    })
}

fn by_user(access: Access, at: usize, new: u64) -> Result<u64, Fault> {
    let pc = match access {
        Read => Entry::Load.addr(),
        Write => Entry::Store.addr(),
        Execute => at,
    };
    let mut registers = Registers::new(pc);
    registers.x[A0] = at;
    registers.x[A1] = new as usize;
    match registers.run() {
        Trap::Call if access == Read => Ok(registers.x[A0] as u64),
        Trap::Call => Ok(0),
        // A fault leaves the program at the instruction that made it.
        Trap::Fault(fault) if registers.pc == pc => Err(fault),
        other => panic!("{access:?} in U-mode: {other:?} at {:#x}", registers.pc),
    }
}

fn every_combination(who: Who) -> Outcome {
    let mut page = Page::new()?;
    let (mut accesses, mut faults) = (0, 0);
    for permissions in combinations() {
        page.map(permissions)?;
        faults += page.try_all(who, permissions)?;
        accesses += 3;
        page.user.space.unmap(area(AT, PAGE))?;
        // And when it is gone, nothing is allowed.
        faults += page.try_all(who, Permissions::empty())?;
        accesses += 3;
    }
    Ok(format!(
        "{accesses} accesses, {faults} of them faults with the right cause and address"
    ))
}

fn every_change() -> Outcome {
    let mut page = Page::new()?;
    let (mut changes, mut accesses) = (0, 0);
    page.map(Permissions::READ)?;
    for (from, to) in combinations().flat_map(|from| combinations().map(move |to| (from, to))) {
        for permissions in [from, to] {
            page.user.space.protect(area(AT, PAGE), permissions)?;
            changes += 1;
            for (who, _) in EVERYONE {
                page.try_all(who, permissions)?;
                accesses += 3;
            }
        }
    }
    Ok(format!("{changes} changes, {accesses} accesses"))
}

fn write_without_read() -> Outcome {
    let mut page = Page::new()?;
    let permissions = Permissions::WRITE | Permissions::USER;
    let refused = page
        .user
        .space
        .add_memory_map(map(AT, page.frame, PAGE, permissions)?);
    let error = refused.map_err(MapError::from);
    ensure!(
        error == Err(MapError::WriteWithoutRead { permissions }),
        "{error:?}"
    );
    page.try_all(Who::User, Permissions::empty())?;
    Ok("refused, and nothing is mapped".into())
}
