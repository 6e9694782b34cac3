//! What a mapping allows, against the manual: every combination of R, W, X and U, from the kernel and from user mode.

use alloc::boxed::Box;
use alloc::format;
use core::error::Error;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kernel_vm::Access::{Execute, Read, Write};
use kernel_vm::{Access, FrameAllocator, MapError, Permissions, PhysAddr};

use super::{Outcome, Seen, check, skip};
use crate::arch::{self, CALL, EVERYONE, RETURN};
use crate::frames;
use crate::layout::{PAGE, area};
use crate::memory::{Memory, alloc, map, map_frame};
use crate::probe::{self, Fault, Opened, Who};
use crate::user::{CODE, Entry, Trap, UserSpace, registers_at};

/// The page that is tried, and what is in it: an instruction that returns, one that calls the kernel, and a word.
const AT: usize = 0x20_0000;
const CALL_AT: usize = 8;
const WORD_AT: usize = 16;

pub fn run() {
    for (who, name, missing) in EVERYONE {
        let name = format!("permissions, {name}");
        match missing {
            None => check(&name, || every_combination(who)),
            Some(why) => skip(&name, why),
        }
    }
    check("permissions, protected", every_change);
    check("write without read", write_without_read);
    let name = "execute without read";
    if arch::EXECUTE_ONLY {
        skip(
            name,
            "entries can say it, and it is among the permissions above",
        );
    } else {
        check(name, execute_without_read);
    }
}

/// Those who can make accesses on this architecture.
fn everyone() -> impl Iterator<Item = Who> {
    let there = EVERYONE
        .into_iter()
        .filter(|(.., missing)| missing.is_none());
    there.map(|(who, ..)| who)
}

/// Whether an entry can say this: no W without R, and on some architectures no X without R.
fn can_be_said(permissions: Permissions) -> bool {
    let needs_read = permissions.contains(Permissions::WRITE)
        || permissions.contains(Permissions::EXECUTE) && !arch::EXECUTE_ONLY;
    permissions.contains(Permissions::READ) || !needs_read
}

/// All that an entry can say, nothing at all among it, each with and without U.
fn combinations() -> impl Iterator<Item = Permissions> + Clone {
    let all = (0..16).map(Permissions::from_bits_truncate);
    all.filter(|&permissions| can_be_said(permissions))
}

struct Page {
    user: UserSpace,
    /// Kept beside the map, so that the page goes from map to map.
    memory: Memory,
    frame: PhysAddr,
}

impl Page {
    fn new() -> Result<Self, Box<dyn Error>> {
        let user = UserSpace::new()?;
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
        page.word(0).store(RETURN, Relaxed);
        page.word(CALL_AT).store(CALL, Relaxed);
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
        Ok(map_frame(&mut self.user.change(), AT, frame, permissions)?)
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
                Who::Kernel(opened) => by_kernel(opened, access, at, new),
                Who::User => by_user(access, at, new),
            };
            let allowed = arch::allows(who, permissions, access);
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
            Who::User => CALL_AT,
        }
    }
}

/// What a load read, or 0.
fn by_kernel(opened: Opened, access: Access, at: usize, new: u64) -> Result<u64, Fault> {
    arch::with_opened(opened, || match access {
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
    let mut program = registers_at(pc, &[at, new as usize]);
    match program.run() {
        Trap::Call if access == Read => Ok(program.arg(0) as u64),
        Trap::Call => Ok(0),
        // A fault leaves the program at the instruction that made it.
        Trap::Fault(fault) if program.pc() == pc => Err(fault),
        other => panic!("{access:?} in user mode: {other:?} at {:#x}", program.pc()),
    }
}

fn every_combination(who: Who) -> Outcome {
    let mut page = Page::new()?;
    let (mut accesses, mut faults) = (0, 0);
    for permissions in combinations() {
        page.map(permissions)?;
        faults += page.try_all(who, permissions)?;
        accesses += 3;
        page.user.change().unmap(area(AT, PAGE))?;
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
            page.user.change().protect(area(AT, PAGE), permissions)?;
            changes += 1;
            for who in everyone() {
                page.try_all(who, permissions)?;
                accesses += 3;
            }
        }
    }
    Ok(format!("{changes} changes, {accesses} accesses"))
}

/// Tries to map the page with these, which no entry can say, and answers the error.
fn refused(permissions: Permissions) -> Result<Option<MapError>, Box<dyn Error>> {
    let page = Page::new()?;
    let added = page
        .user
        .change()
        .add_memory_map(map(AT, page.frame, PAGE, permissions)?);
    page.try_all(Who::User, Permissions::empty())?;
    Ok(added.map_err(MapError::from).err())
}

fn write_without_read() -> Outcome {
    let permissions = Permissions::WRITE | Permissions::USER;
    let error = refused(permissions)?;
    ensure!(
        error == Some(MapError::WriteWithoutRead { permissions }),
        "{error:?}"
    );
    Ok("refused, and nothing is mapped".into())
}

fn execute_without_read() -> Outcome {
    for user in [Permissions::empty(), Permissions::USER] {
        let permissions = Permissions::EXECUTE | user;
        let error = refused(permissions)?;
        ensure!(
            error == Some(MapError::WidensPermissions { permissions }),
            "{error:?}"
        );
    }
    Ok("refused, and nothing is mapped".into())
}
