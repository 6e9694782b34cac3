//! The host's own mmap, munmap, mprotect and mremap, in a window that nobody else uses.
#![expect(unsafe_code, reason = "the host's memory is mapped, and never touched")]

use std::fs;
use std::io;

use kernel_vm::Permissions;

use super::ops::{BASE, Op, PAGE, PAGES, Span, View};

/// The window in the host's own address space.
pub struct Window;

impl Window {
    /// Takes the window, which must be free, and empties it.
    pub fn take() -> Self {
        let all = Span::WINDOW;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: nothing is replaced; at worst, an old kernel maps elsewhere, and the test ends.
        let at = unsafe { libc::mmap(all.start(), all.bytes(), libc::PROT_NONE, flags, -1, 0) };
        let error = io::Error::last_os_error();
        assert_eq!(
            at,
            all.start(),
            "the window at {BASE:#x} is not free: {error}"
        );
        Self
    }

    /// Does `op`; whether Linux did.
    pub fn apply(&self, op: Op) -> io::Result<()> {
        match op {
            Op::Map(span, view) => map(span, view),
            Op::Unmap(span) => unmap(span),
            Op::Protect(span, permissions) => protect(span, permissions),
            Op::Move { old, new } => remap(old, new, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED),
            Op::Resize { old, count } => remap(old, Span { count, ..old }, 0),
        }
    }

    /// The regions in the window, as Linux divides it, and what each says.
    pub fn regions(&self) -> Vec<(Span, View)> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter_map(region).collect()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = unmap(Span::WINDOW);
    }
}

/// What a line of `/proc/self/maps` says, if it speaks of the window.
pub fn region(line: &str) -> Option<(Span, View)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let page = |addr| {
        usize::from_str_radix(addr, 16)
            .ok()?
            .checked_sub(BASE)
            .map(|at| at / PAGE)
    };
    let first = page(start)?;
    let letters = words.next()?;
    let bits = [
        ('r', Permissions::READ),
        ('w', Permissions::WRITE),
        ('x', Permissions::EXECUTE),
    ];
    let bits = bits
        .into_iter()
        .filter(|&(letter, _)| letters.contains(letter));
    let permissions = bits.map(|(_, bit)| bit).collect();
    let span = Span {
        first,
        count: page(end)? - first,
    };
    (first < PAGES).then_some((span, (permissions, letters.ends_with('s'))))
}

pub fn prot(permissions: Permissions) -> libc::c_int {
    let bits = [
        (Permissions::READ, libc::PROT_READ),
        (Permissions::WRITE, libc::PROT_WRITE),
        (Permissions::EXECUTE, libc::PROT_EXEC),
    ];
    let given = bits
        .into_iter()
        .filter(|&(bit, _)| permissions.contains(bit));
    given.fold(libc::PROT_NONE, |sum, (_, prot)| sum | prot)
}

/// 0 is well done, as most calls have it.
pub fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The address that was asked for is well done, as mmap and mremap have it.
pub fn placed(at: *mut libc::c_void, span: Span) -> io::Result<()> {
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    assert_eq!(at, span.start());
    Ok(())
}

pub fn map(span: Span, (permissions, is_shared): View) -> io::Result<()> {
    let sharing = if is_shared {
        libc::MAP_SHARED
    } else {
        libc::MAP_PRIVATE
    };
    let flags = sharing | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    let prot = prot(permissions);
    // SAFETY: the span lies in the window, where nobody keeps anything.
    placed(
        unsafe { libc::mmap(span.start(), span.bytes(), prot, flags, -1, 0) },
        span,
    )
}

pub fn unmap(span: Span) -> io::Result<()> {
    // SAFETY: the span lies in the window, where nobody keeps anything.
    done(unsafe { libc::munmap(span.start(), span.bytes()) })
}

pub fn protect(span: Span, permissions: Permissions) -> io::Result<()> {
    // SAFETY: the span lies in the window, where nobody keeps anything.
    done(unsafe { libc::mprotect(span.start(), span.bytes(), prot(permissions)) })
}

pub fn remap(old: Span, new: Span, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: both spans lie in the window, where nobody keeps anything. Without `MREMAP_FIXED` the last argument is
    // ignored, and without `MREMAP_MAYMOVE` nothing moves.
    placed(
        unsafe { libc::mremap(old.start(), old.bytes(), new.bytes(), flags, new.start()) },
        new,
    )
}
