//! What another CPU does in the middle of a verb: moments that random runs may miss.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::{Entry, PageTableBackend, Paging};
use kernel_vm::{Access, Answer, Attributes, FrameAllocator, Privilege, Stop};

use super::basics::RW;
use super::kernel::Setting;
use super::process::{Process, addr};
use crate::subject::pages;

/// A process with a page of anonymous memory, or of an object.
fn process(policy: AccessedDirty, shows: Option<(usize, usize)>) -> Rc<Process> {
    let setting = Setting {
        seed: 1,
        frames: 64,
        policy,
        is_lazy: false,
    };
    let process = Process::new(setting);
    process.map(4, 1, RW, shows, false);
    process.load(0, 4);
    Rc::new(process)
}

/// Lets another CPU come in at every moment that the verb has; how often `then` did something.
fn meanwhile(process: &Rc<Process>, then: impl Fn(&Process) -> bool + 'static) -> Rc<Cell<usize>> {
    let times = Rc::new(Cell::new(0));
    let (count, process_then) = (times.clone(), Rc::downgrade(process));
    process.kernel.interrupt_with(move || {
        let process = process_then.upgrade();
        let has_done = process.is_some_and(|process| then(&process));
        count.set(count.get() + usize::from(has_done));
    });
    times
}

fn end(process: Rc<Process>) {
    process.kernel.no_interrupts();
    process.check();
    Rc::into_inner(process).unwrap().end();
}

/// The CPU that copies waits until all others have flushed: were one of them to wait for the copy, neither went on.
#[test]
fn a_page_that_is_being_copied_is_not_waited_for() {
    let process = process(AccessedDirty::Preset, Some((0, 0)));
    let times = meanwhile(&process, |process| {
        let space = process.space.borrow();
        if space.backend().entry(addr(4)) != Entry::Busy {
            return false;
        }
        for access in [Access::Read, Access::Write] {
            let answer = space.handle_fault(addr(4), access, Privilege::User);
            assert!(matches!(answer, Ok(Answer::Spurious { .. })), "{answer:?}");
        }
        let stopped = space.write(addr(4), &[1], Privilege::User).unwrap_err();
        assert_eq!((stopped.done, stopped.why), (0, Stop::Fault));
        let pinned = space.pin(addr(4), Access::Read, Privilege::User);
        assert_eq!(pinned, Err(Stop::Fault));
        true
    });
    process.store(1, 4, 5);
    assert_eq!(times.get(), 2, "before the flush, and after it");
    end(process);
}

/// Were the copy there before all have forgotten the original, one could write it while another still reads that.
#[test]
fn no_cpu_reads_the_original_once_another_has_written_the_copy() {
    let process = process(AccessedDirty::Preset, Some((0, 0)));
    let original = process.space.borrow().translate_vaddr(addr(4));
    process.kernel.0.machine.cpu(3).prefetch(addr(4));
    let times = meanwhile(&process, move |process| {
        let [writer, reader] = [2, 3].map(|number| process.kernel.0.machine.cpu(number));
        writer.sfence_vma(None, None);
        if writer.store_u64(addr(4), 7).is_ok() {
            let seen = reader.outcomes(addr(4), Access::Read);
            assert!(!seen.contains(&Ok(original.unwrap())), "{seen:?}");
        }
        true
    });
    process.store(1, 4, 5);
    assert!(times.get() > 0);
    end(process);
}

/// The dirty bit is that of the word that was replaced, not of the one that was read before.
#[test]
fn a_page_that_is_written_just_before_it_is_replaced_goes_back_as_dirty() {
    let process = process(AccessedDirty::Hardware, None);
    let Entry::Leaf(old) = process.space.borrow().backend().entry(addr(4)) else {
        panic!("no leaf");
    };
    let frame = process.kernel.alloc().unwrap();
    let times = meanwhile(&process, |process| {
        let word = 77;
        let stored = process.kernel.0.machine.cpu(1).store_u64(addr(4), word);
        stored.is_ok()
    });
    let space = process.space.borrow();
    let exchanged = space
        .backend()
        .exchange(old, frame, Attributes::from(RW), space.asid());
    drop(space);
    let replaced = exchanged.unwrap().unwrap();
    assert!(replaced.dirty && times.get() > 0);
    assert_eq!(replaced.frame.addr(), old.first);
    process.kernel.release(replaced.frame, replaced.dirty);
    end(process);
}

/// Between the look at an entry and the count, its frame has become somebody else's.
#[test]
fn a_page_that_is_replaced_before_it_is_counted_is_not_read() {
    let process = process(AccessedDirty::Preset, None);
    process.store(0, 4, 5);
    let others = Rc::new(RefCell::new(Vec::new()));
    let taken = others.clone();
    let times = meanwhile(&process, move |process| {
        let (space, machine) = (process.space.borrow(), &process.kernel.0.machine);
        let Entry::Leaf(old) = space.backend().entry(addr(4)) else {
            return false;
        };
        let (new, attributes) = (machine.alloc().unwrap(), Attributes::from(RW));
        let exchanged = space.backend().exchange(old, new, attributes, space.asid());
        machine.release(exchanged.unwrap().unwrap().frame, true);
        taken.borrow_mut().push(machine.alloc().unwrap());
        true
    });
    let space = process.space.borrow();
    let stopped = space.read(addr(4), &mut [0; 8], Privilege::User);
    assert_eq!(stopped.unwrap_err().why, Stop::Fault);
    let pinned = space.pin(addr(4), Access::Read, Privilege::User);
    assert_eq!(pinned, Err(Stop::Fault));
    drop(space);
    assert!(times.get() >= 2);
    let machine = process.kernel.0.machine.clone();
    for frame in others.take() {
        assert_eq!(machine.frames().references(frame.addr()), 1, "given back");
        machine.release(frame, false);
    }
    end(process);
}

/// Who faults pages in wants them to be there, and does not care by whom.
#[test]
fn a_page_that_another_cpu_brings_is_faulted_in() {
    let process = process(AccessedDirty::Preset, None);
    process.map(5, 1, RW, None, false);
    let times = meanwhile(&process, |process| {
        let is_absent = process.space.borrow().backend().entry(addr(5)) == Entry::Empty;
        if is_absent {
            process.store(1, 5, 9);
        }
        is_absent
    });
    process.space.borrow().prefault(pages(5, 1)).unwrap();
    assert_eq!(times.get(), 1);
    process.load(0, 5);
    end(process);
}
