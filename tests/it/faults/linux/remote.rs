//! Processes of the host that do as they are told: a tree of them, as forks make it.
//!
//! A process does one system call at a time, whatever it is asked to, and answers the result. It comes from a test that
//! has threads, so it does nothing else: no memory is allocated in it, and nothing can panic.
#![expect(unsafe_code, reason = "processes are forked, and call their kernel")]

use std::io;
use std::os::fd::RawFd;

/// How many processes there are at most.
pub const PROCESSES: usize = 8;

/// A system call: its number, and what it is given. [`FORK`] and [`EXIT`] are not the kernel's.
type Call = [i64; 7];

/// Makes a child that listens to the channel with this number.
const FORK: i64 = -1;
const EXIT: i64 = -2;

/// The result, and `errno`.
type Answer = [i64; 2];

/// A child process for each channel that is in use, and one, behind the last channel, from which the first come.
pub struct Remote {
    /// This end of each channel.
    ends: [RawFd; PROCESSES + 1],
    /// The process from which the others come, and which takes in those that lose their parent.
    origin: libc::pid_t,
}

impl Remote {
    pub fn new() -> Self {
        let pairs: [[RawFd; 2]; PROCESSES + 1] = std::array::from_fn(|_| channel());
        let (ends, theirs) = (pairs.map(|[end, _]| end), pairs.map(|[_, end]| end));
        // SAFETY: the child does system calls alone, until it ends.
        let origin = unsafe { libc::fork() };
        if origin == 0 {
            be_origin(&ends, &theirs);
        }
        assert!(origin > 0, "{}", io::Error::last_os_error());
        theirs.iter().for_each(|&end| close(end));
        Self { ends, origin }
    }

    /// A process without anything in the window. Its number in `/proc`.
    pub fn start(&self, process: usize) -> io::Result<i64> {
        self.fork(PROCESSES, process)
    }

    /// A child of a process, which takes the number `child`. Its number in `/proc`.
    pub fn fork(&self, parent: usize, child: usize) -> io::Result<i64> {
        self.ask(parent, [FORK, number(child), 0, 0, 0, 0, 0])
    }

    pub fn exit(&self, process: usize) {
        self.ask(process, [EXIT, 0, 0, 0, 0, 0, 0]).unwrap();
    }

    /// Lets a process do a system call.
    pub fn call<const N: usize>(
        &self,
        process: usize,
        call: libc::c_long,
        arguments: [i64; N],
    ) -> io::Result<i64> {
        let mut all = [0; 7];
        all[0] = call;
        all[1..=N].copy_from_slice(&arguments);
        self.ask(process, all)
    }

    fn ask(&self, process: usize, call: Call) -> io::Result<i64> {
        let mut answer: Answer = [0; 2];
        let end = self.ends[process];
        assert!(send(end, &call) && receive(end, &mut answer), "no answer");
        match answer {
            [-1, error] => Err(io::Error::from_raw_os_error(i32::try_from(error).unwrap())),
            [result, _] => Ok(result),
        }
    }
}

impl Drop for Remote {
    /// All processes end when nobody can ask them any more.
    fn drop(&mut self) {
        self.ends.iter().for_each(|&end| close(end));
        // SAFETY: `origin` is a child of this process, for which nobody else has waited.
        unsafe { libc::waitpid(self.origin, std::ptr::null_mut(), 0) };
    }
}

pub fn number(number: usize) -> i64 {
    i64::try_from(number).unwrap()
}

/// Both ends of a channel. Whoever waits longer than minutes for a word waits for a process that is gone.
fn channel() -> [RawFd; 2] {
    let mut ends = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: there is room for two.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    assert_eq!(made, 0, "{}", io::Error::last_os_error());
    let patience = libc::timeval {
        tv_sec: 300,
        tv_usec: 0,
    };
    let size = libc::socklen_t::try_from(size_of_val(&patience)).unwrap();
    // SAFETY: the kernel reads a `timeval`, which is there.
    let set = unsafe {
        let (level, option) = (libc::SOL_SOCKET, libc::SO_RCVTIMEO);
        libc::setsockopt(ends[0], level, option, (&raw const patience).cast(), size)
    };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
    ends
}

/// Gives up an end of a channel, which nobody here uses again.
fn close(end: RawFd) {
    // SAFETY: it is this module's own.
    unsafe { libc::close(end) };
}

/// Whether all was sent.
fn send<const N: usize>(end: RawFd, words: &[i64; N]) -> bool {
    let len = size_of_val(words);
    // SAFETY: the kernel reads the words.
    let sent = unsafe { libc::send(end, words.as_ptr().cast(), len, libc::MSG_NOSIGNAL) };
    usize::try_from(sent) == Ok(len)
}

/// Whether a message came.
fn receive<const N: usize>(end: RawFd, words: &mut [i64; N]) -> bool {
    let len = size_of_val(words);
    // SAFETY: the kernel writes words, of which any bits are good.
    let received = unsafe { libc::recv(end, words.as_mut_ptr().cast(), len, 0) };
    usize::try_from(received) == Ok(len)
}

/// The first process: it never has anything in the window.
fn be_origin(ends: &[RawFd], theirs: &[RawFd; PROCESSES + 1]) -> ! {
    // The test has these ends, too. Else it could not go without this process staying.
    ends.iter().for_each(|&end| close(end));
    // SAFETY: it has nothing to do with memory: whoever loses its parent becomes a child of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    // SAFETY: nor has this: no child is waited for.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    obey(theirs, PROCESSES)
}

/// Does what is asked for, until nobody asks any more.
fn obey(channels: &[RawFd; PROCESSES + 1], mut own: usize) -> ! {
    let mut call: Call = [0; 7];
    while let Some(&end) = channels.get(own).filter(|&&end| receive(end, &mut call)) {
        let result = match call {
            [FORK, child, ..] => {
                // SAFETY: this process has one thread.
                let pid = unsafe { libc::fork() };
                if pid == 0 {
                    own = usize::try_from(child).unwrap_or(usize::MAX);
                    continue;
                }
                i64::from(pid)
            }
            [EXIT, ..] => 0,
            [number, a, b, c, d, e, f] => {
                // SAFETY: the test asks for calls that change the window, or read and write what lies there: nobody
                // here keeps anything in it.
                unsafe { libc::syscall(number, a, b, c, d, e, f) }
            }
        };
        // SAFETY: it only answers an address.
        let error = unsafe { libc::__errno_location() };
        // SAFETY: it is this thread's own.
        let error = unsafe { *error };
        let is_last = call[0] == EXIT;
        if !send(end, &[result, i64::from(error)]) || is_last {
            break;
        }
    }
    // SAFETY: nothing is to be done before the end.
    unsafe { libc::_exit(0) }
}
