//! The same calls on the host's own kernel, in a window that nobody else uses, of processes of their own.
#![expect(unsafe_code, reason = "the host's memory is mapped")]

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::ptr;

use kernel_vm::Permissions;

use super::op::{FILE_PAGES, PAGES, Shown, Span};
use super::remote::{PROCESSES, Remote, number};
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
    remote: Remote,
    /// The number in `/proc` of each process.
    pids: RefCell<[i64; PROCESSES]>,
}

impl Host {
    /// With one process, the first.
    pub fn new() -> Self {
        let (len, none) = (APART + PAGES * PAGE, libc::PROT_NONE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the host finds the place, where nothing is.
        let all = unsafe { libc::mmap(ptr::null_mut(), len, none, flags, -1, 0) };
        assert_ne!(all, libc::MAP_FAILED, "{}", io::Error::last_os_error());
        // SAFETY: nobody knows of these addresses yet.
        let unmapped = unsafe { libc::munmap(all, len) };
        assert_eq!(unmapped, 0, "{}", io::Error::last_os_error());
        let host = Self {
            start: all.addr(),
            file: memory(FILE_PAGES * PAGE),
            on_the_way: memory(PAGE),
            remote: Remote::new(),
            pids: RefCell::default(),
        };
        host.start();
        host
    }

    /// The first process, where there is none.
    pub fn start(&self) {
        self.pids.borrow_mut()[0] = self.remote.start(0).unwrap();
        assert_eq!(self.regions(0), []);
    }

    pub fn fork(&self, parent: usize, child: usize) {
        self.pids.borrow_mut()[child] = self.remote.fork(parent, child).unwrap();
    }

    pub fn exit(&self, process: usize) {
        self.remote.exit(process);
    }

    fn at(&self, page: usize) -> i64 {
        number(self.start + page * PAGE)
    }

    /// The regions in the window of a process, as Linux divides it.
    pub fn regions(&self, process: usize) -> Vec<Span> {
        let pid = self.pids.borrow()[process];
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        maps.lines().filter_map(|line| self.region(line)).collect()
    }

    /// What a line of `/proc/PID/maps` says, if it speaks of the window.
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

    pub fn map(&self, process: usize, span: Span, shown: Shown, permissions: Permissions) {
        let (flags, fd, page) = match shown {
            Shown::Anonymous => (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0),
            Shown::Segment => (libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1, 0),
            Shown::File { page, is_shared } => {
                let sharing = [libc::MAP_PRIVATE, libc::MAP_SHARED][usize::from(is_shared)];
                (sharing, self.file.as_raw_fd(), page)
            }
        };
        let flags = flags | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let (at, len) = self.place(span);
        let arguments = [
            at,
            len,
            prot(permissions),
            i64::from(flags),
            i64::from(fd),
            number(page * PAGE),
        ];
        let mapped = self.remote.call(process, libc::SYS_mmap, arguments);
        assert_eq!(mapped.unwrap(), at);
    }

    /// The address and the length of a span.
    fn place(&self, span: Span) -> (i64, i64) {
        (self.at(span.first), number(span.count * PAGE))
    }

    pub fn unmap(&self, process: usize, span: Span) {
        let (at, len) = self.place(span);
        let unmapped = self.remote.call(process, libc::SYS_munmap, [at, len]);
        assert_eq!(unmapped.unwrap(), 0);
    }

    pub fn protect(&self, process: usize, span: Span, permissions: Permissions) {
        let ((at, len), prot) = (self.place(span), prot(permissions));
        let protected = self
            .remote
            .call(process, libc::SYS_mprotect, [at, len, prot]);
        assert_eq!(protected.unwrap(), 0);
    }

    /// Holes are passed over, and told.
    pub fn discard(&self, process: usize, span: Span, has_hole: bool) {
        let ((at, len), advice) = (self.place(span), i64::from(libc::MADV_DONTNEED));
        let result = self
            .remote
            .call(process, libc::SYS_madvise, [at, len, advice]);
        let error = result.err().and_then(|error| error.raw_os_error());
        assert_eq!(error, has_hole.then_some(libc::ENOMEM));
    }

    pub fn relocate(&self, process: usize, old: Span, new: Span) {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        self.remap(process, old, new, flags).unwrap();
    }

    /// Whether there was room to grow.
    pub fn resize(&self, process: usize, old: Span, count: usize) -> bool {
        match self.remap(process, old, Span { count, ..old }, 0) {
            Ok(()) => true,
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Without `MREMAP_FIXED` the new place is ignored, and without `MREMAP_MAYMOVE` nothing moves.
    fn remap(&self, process: usize, old: Span, new: Span, flags: libc::c_int) -> io::Result<()> {
        let ((from, before), (to, after)) = (self.place(old), self.place(new));
        let arguments = [from, before, after, i64::from(flags), to];
        let at = self.remote.call(process, libc::SYS_mremap, arguments)?;
        assert_eq!(at, to);
        Ok(())
    }

    pub fn truncate(&self, len: usize) {
        self.file.set_len((len * PAGE) as u64).unwrap();
    }

    /// How many bytes could be read.
    pub fn read(&self, process: usize, at: usize, to: &mut [u8]) -> usize {
        let len = to.len();
        by_page(at, len, |before, part| {
            let is_moved = self.moves(process, libc::SYS_pwrite64, at + before, part);
            let to = &mut to[before..before + part];
            is_moved && self.on_the_way.read_exact_at(to, 0).is_ok()
        })
    }

    /// How many bytes could be written.
    pub fn write(&self, process: usize, at: usize, from: &[u8]) -> usize {
        by_page(at, from.len(), |before, part| {
            let from = &from[before..before + part];
            self.on_the_way.write_all_at(from, 0).unwrap();
            self.moves(process, libc::SYS_pread64, at + before, part)
        })
    }

    /// Whether bytes were moved to or from the file; none are, where a program would be sent a signal.
    fn moves(&self, process: usize, call: libc::c_long, at: usize, len: usize) -> bool {
        let fd = i64::from(self.on_the_way.as_raw_fd());
        let arguments = [fd, number(self.start + at), number(len), 0];
        match self.remote.call(process, call, arguments) {
            Ok(moved) => {
                assert_eq!(moved, number(len));
                true
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
                false
            }
        }
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

fn prot(permissions: Permissions) -> i64 {
    let bit = |bit, prot| {
        if permissions.contains(bit) {
            prot
        } else {
            libc::PROT_NONE
        }
    };
    i64::from(bit(Permissions::READ, libc::PROT_READ) | bit(Permissions::WRITE, libc::PROT_WRITE))
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
