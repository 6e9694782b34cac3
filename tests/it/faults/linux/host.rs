//! The same calls on the host's own kernel, in a window that nobody else uses.
#![expect(
    unsafe_code,
    reason = "the host's memory is mapped, and touched by its kernel alone"
)]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::ptr;

use kernel_vm::Permissions;

use super::op::{FILE_PAGES, PAGES, Shown, Span};
use crate::subject::PAGE;

/// Linux places maps as high as it can. So a hole this far below the others is left alone by whoever runs beside us.
const APART: usize = 64 << 30;

/// The window, a file that is mapped there, and one for bytes on their way to it.
///
/// The bytes are moved by `pread` and `pwrite`, which answer `EFAULT` where a program would be sent a signal.
pub struct Host {
    start: usize,
    file: File,
    on_the_way: File,
}

impl Host {
    pub fn new() -> Self {
        let (len, none) = (APART + PAGES * PAGE, libc::PROT_NONE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the host finds the place, where nothing is.
        let all = unsafe { libc::mmap(ptr::null_mut(), len, none, flags, -1, 0) };
        assert_ne!(all, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        // SAFETY: nobody knows of these addresses yet.
        done(unsafe { libc::munmap(all, len) }).unwrap();
        let host = Self {
            start: all.addr(),
            file: memory(FILE_PAGES * PAGE),
            on_the_way: memory(PAGE),
        };
        assert_eq!(host.regions(), []);
        host
    }

    fn at(&self, page: usize) -> *mut libc::c_void {
        ptr::without_provenance_mut(self.start + page * PAGE)
    }

    /// The regions in the window, as Linux divides it.
    pub fn regions(&self) -> Vec<Span> {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.lines().filter_map(|line| self.region(line)).collect()
    }

    /// What a line of `/proc/self/maps` says, if it speaks of the window.
    fn region(&self, line: &str) -> Option<Span> {
        let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
        let page = |addr| {
            let addr = usize::from_str_radix(addr, 16).ok()?;
            Some(addr.checked_sub(self.start)? / PAGE)
        };
        let first = page(start).filter(|&first| first < PAGES)?;
        let count = page(end)? - first;
        Some(Span { first, count })
    }

    pub fn map(&self, span: Span, shown: Shown, permissions: Permissions) {
        let (flags, fd, page) = match shown {
            Shown::Anonymous => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
            Shown::Segment => (libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0),
            Shown::File { page, is_shared } => {
                let sharing = [libc::MAP_PRIVATE, libc::MAP_SHARED][usize::from(is_shared)];
                (sharing, self.file.as_raw_fd(), page)
            }
        };
        let flags = flags | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let (at, len, prot) = (self.at(span.first), span.count * PAGE, prot(permissions));
        let offset = i64::try_from(page * PAGE).unwrap();
        // SAFETY: the span lies in the window, where nobody keeps anything.
        let mapped = unsafe { libc::mmap(at, len, prot, flags, fd, offset) };
        assert_eq!(mapped, at, "{}", io::Error::last_os_error());
    }

    pub fn unmap(&self, span: Span) {
        // SAFETY: the span lies in the window, where nobody keeps anything.
        done(unsafe { libc::munmap(self.at(span.first), span.count * PAGE) }).unwrap();
    }

    pub fn protect(&self, span: Span, permissions: Permissions) {
        let (at, len, prot) = (self.at(span.first), span.count * PAGE, prot(permissions));
        // SAFETY: the span lies in the window, where nobody keeps anything.
        done(unsafe { libc::mprotect(at, len, prot) }).unwrap();
    }

    /// Holes are passed over, and told.
    pub fn discard(&self, span: Span, has_hole: bool) {
        let (at, len) = (self.at(span.first), span.count * PAGE);
        // SAFETY: the span lies in the window, where nobody keeps anything.
        let result = done(unsafe { libc::madvise(at, len, libc::MADV_DONTNEED) });
        let error = result.err().and_then(|error| error.raw_os_error());
        assert_eq!(error, has_hole.then_some(libc::ENOMEM));
    }

    pub fn relocate(&self, old: Span, new: Span) {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        self.remap(old, new, flags).unwrap();
    }

    /// Whether there was room to grow.
    pub fn resize(&self, old: Span, count: usize) -> bool {
        match self.remap(old, Span { count, ..old }, 0) {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn remap(&self, old: Span, new: Span, flags: libc::c_int) -> io::Result<()> {
        let (from, to) = (self.at(old.first), self.at(new.first));
        let (before, after) = (old.count * PAGE, new.count * PAGE);
        // SAFETY: both spans lie in the window, where nobody keeps anything. Without `MREMAP_FIXED` the last argument is
        // ignored, and without `MREMAP_MAYMOVE` nothing moves.
        let at = unsafe { libc::mremap(from, before, after, flags, to) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        assert_eq!(at, to);
        Ok(())
    }

    pub fn truncate(&self, len: usize) {
        self.file.set_len((len * PAGE) as u64).unwrap();
    }

    /// How many bytes could be read.
    pub fn read(&self, at: usize, to: &mut [u8]) -> usize {
        let fd = self.on_the_way.as_raw_fd();
        let len = to.len();
        by_page(at, len, |before, part| {
            let from = ptr::without_provenance(self.start + at + before);
            // SAFETY: the kernel reads from the window, or says that it cannot.
            let moved = unsafe { libc::pwrite(fd, from, part, 0) };
            let to = &mut to[before..before + part];
            is_moved(moved, part) && self.on_the_way.read_exact_at(to, 0).is_ok()
        })
    }

    /// How many bytes could be written.
    pub fn write(&self, at: usize, from: &[u8]) -> usize {
        let fd = self.on_the_way.as_raw_fd();
        by_page(at, from.len(), |before, part| {
            let from = &from[before..before + part];
            self.on_the_way.write_all_at(from, 0).unwrap();
            let to = ptr::without_provenance_mut(self.start + at + before);
            // SAFETY: the kernel writes to the window, where nobody keeps anything, or says that it cannot.
            let moved = unsafe { libc::pread(fd, to, part, 0) };
            is_moved(moved, part)
        })
    }

    pub fn read_file(&self) -> Vec<u8> {
        let len = self.file.metadata().unwrap().len();
        let mut bytes = vec![0; usize::try_from(len).unwrap()];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// How many bytes lay before the end of the file.
    pub fn write_file(&self, at: usize, from: &[u8]) -> usize {
        let len = usize::try_from(self.file.metadata().unwrap().len()).unwrap();
        let part = from.len().min(len.saturating_sub(at));
        self.file.write_all_at(&from[..part], at as u64).unwrap();
        part
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let (first, count) = (0, PAGES);
        self.unmap(Span { first, count });
    }
}

/// A file in memory.
fn memory(len: usize) -> File {
    // SAFETY: the name is a string that ends with 0.
    let fd = unsafe { libc::memfd_create(c"kernel-vm".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: it was opened just now, and is nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    file.set_len(len as u64).unwrap();
    file
}

fn prot(permissions: Permissions) -> libc::c_int {
    let bit = |bit, prot| {
        if permissions.contains(bit) {
            prot
        } else {
            libc::PROT_NONE
        }
    };
    bit(Permissions::READ, libc::PROT_READ) | bit(Permissions::WRITE, libc::PROT_WRITE)
}

/// 0 is well done, as most calls have it.
fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Whether all was moved; nothing, where a program would be sent a signal.
fn is_moved(moved: isize, part: usize) -> bool {
    let error = io::Error::last_os_error();
    assert!(
        usize::try_from(moved) == Ok(part)
            || moved == -1 && error.raw_os_error() == Some(libc::EFAULT),
        "{moved} of {part}: {error}"
    );
    moved >= 0
}

/// Moves bytes page by page: how many, until one page is refused.
fn by_page(at: usize, len: usize, mut moves: impl FnMut(usize, usize) -> bool) -> usize {
    let mut done = 0;
    while done < len {
        let part = (PAGE - (at + done) % PAGE).min(len - done);
        if !moves(done, part) {
            break;
        }
        done += part;
    }
    done
}
