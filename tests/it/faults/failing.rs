//! Every n-th allocation fails, in every kind of fault: nothing is lost, and it is done when tried again.

use kernel_vm::backend::mock::MockBackend;
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{Permissions, VirtAddr};

use super::kernel::{Kernel, Setting};
use super::mmu::Mmu;
use super::process::ProcessOn;

const R: Permissions = Permissions::READ.union(Permissions::USER);
const RW: Permissions = R.union(Permissions::WRITE);

/// What happens before the fault, the fault, and how many frames it takes: for tables, and beside.
type Scenario<B> = (
    &'static str,
    fn(&ProcessOn<B>),
    fn(&ProcessOn<B>),
    [usize; 2],
);

/// Behind a border of tables: a page there needs both.
const PAGE: usize = 512 * 512;

fn scenarios<B: Mmu>() -> [Scenario<B>; 7] {
    [
        (
            "first touch",
            |process| process.map(PAGE, 1, RW, None, false),
            |process| process.store(0, PAGE, 5),
            [2, 1],
        ),
        (
            "first touch where a table is",
            |process| {
                process.map(PAGE, 2, RW, None, false);
                process.load(0, PAGE);
            },
            |process| process.load(1, PAGE + 1),
            [0, 1],
        ),
        (
            "a page supplied for a read",
            |process| process.map(PAGE, 1, RW, Some((0, 0)), false),
            |process| process.load(0, PAGE),
            [2, 1],
        ),
        (
            "a page supplied for a write",
            |process| process.map(PAGE, 1, RW, Some((0, 0)), false),
            |process| process.store(0, PAGE, 6),
            [2, 2],
        ),
        (
            "a shared page supplied for a write",
            |process| process.map(PAGE, 1, RW, Some((0, 0)), true),
            |process| process.write(0, PAGE, 6),
            [2, 1],
        ),
        (
            "a copy at the first write",
            |process| {
                process.map(PAGE, 1, RW, Some((0, 0)), false);
                process.load(0, PAGE);
            },
            |process| process.store(2, PAGE, 7),
            [0, 1],
        ),
        (
            "a write by the kernel",
            |process| {
                process.map(PAGE, 1, RW, Some((1, 3)), false);
                process.read(0, PAGE);
            },
            |process| process.write(2, PAGE, 7),
            [0, 1],
        ),
    ]
}

fn setting(policy: AccessedDirty) -> Setting {
    Setting {
        seed: 3,
        frames: 64,
        policy,
        is_lazy: true,
    }
}

#[test]
fn a_fault_that_finds_no_frame_loses_none_and_succeeds_later() {
    fail_each::<Sv39<Kernel>>();
}

#[test]
fn a_fault_that_finds_no_frame_loses_none_on_the_mock() {
    fail_each::<MockBackend<Kernel>>();
}

fn fail_each<B: Mmu>() {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ] {
        for (name, before, fault, [tables, pages]) in scenarios::<B>() {
            let needed = pages + if B::HAS_TABLES { tables } else { 0 };
            let mut failed = 0;
            for n in 1.. {
                let process = ProcessOn::new(setting(policy));
                before(&process);
                let machine = process.kernel.0.machine.clone();
                process.kernel.0.failing.set(n);
                fault(&process); // and checks what it says against the model
                let has_failed = process.kernel.0.failing.replace(0) == 0;
                process.check();
                fault(&process);
                process.check();
                let in_use = machine.frames().frames_in_use();
                fault(&process);
                assert_eq!(machine.frames().frames_in_use(), in_use, "{name}");
                process.end();
                if !has_failed {
                    break;
                }
                failed += 1;
            }
            assert_eq!(failed, needed, "{name} {policy:?}");
        }
    }
}

/// Whichever call of the mock's loses a race, the fault is resolved: at once, or when the program tries again.
#[test]
fn a_fault_that_loses_any_race_loses_no_frame_and_succeeds() {
    for (name, before, fault, _) in scenarios::<MockBackend<Kernel>>() {
        for n in 1..8 {
            let process = ProcessOn::new(setting(AccessedDirty::Software));
            before(&process);
            process.space.borrow().backend().lose_race(n);
            fault(&process); // and tries until it is done
            process.check();
            let page = VirtAddr::new(PAGE * crate::subject::PAGE);
            assert!(
                process.space.borrow().backend().is_accessed(page),
                "{name} {n}"
            );
            process.end();
        }
    }
}
