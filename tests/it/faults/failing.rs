//! Every n-th allocation fails, in every kind of fault: nothing is lost, and it is done when tried again.

use kernel_vm::Permissions;
use kernel_vm::backend::radix::AccessedDirty;

use super::kernel::Setting;
use super::process::Process;

const R: Permissions = Permissions::READ.union(Permissions::USER);
const RW: Permissions = R.union(Permissions::WRITE);

/// What happens before the fault, the fault, and how many frames it takes.
type Scenario = (&'static str, fn(&Process), fn(&Process), usize);

/// Behind a border of tables: a page there needs both.
const PAGE: usize = 512 * 512;

const SCENARIOS: [Scenario; 7] = [
    (
        "first touch",
        |process| process.map(PAGE, 1, RW, None, false),
        |process| process.store(0, PAGE, 5),
        3,
    ),
    (
        "first touch where a table is",
        |process| {
            process.map(PAGE, 2, RW, None, false);
            process.load(0, PAGE);
        },
        |process| process.load(1, PAGE + 1),
        1,
    ),
    (
        "a page supplied for a read",
        |process| process.map(PAGE, 1, RW, Some((0, 0)), false),
        |process| process.load(0, PAGE),
        3,
    ),
    (
        "a page supplied for a write",
        |process| process.map(PAGE, 1, RW, Some((0, 0)), false),
        |process| process.store(0, PAGE, 6),
        4,
    ),
    (
        "a shared page supplied for a write",
        |process| process.map(PAGE, 1, RW, Some((0, 0)), true),
        |process| process.write(0, PAGE, 6),
        3,
    ),
    (
        "a copy at the first write",
        |process| {
            process.map(PAGE, 1, RW, Some((0, 0)), false);
            process.load(0, PAGE);
        },
        |process| process.store(2, PAGE, 7),
        1,
    ),
    (
        "a write by the kernel",
        |process| {
            process.map(PAGE, 1, RW, Some((1, 3)), false);
            process.read(0, PAGE);
        },
        |process| process.write(2, PAGE, 7),
        1,
    ),
];

#[test]
fn a_fault_that_finds_no_frame_loses_none_and_succeeds_later() {
    for policy in [
        AccessedDirty::Preset,
        AccessedDirty::Software,
        AccessedDirty::Hardware,
    ] {
        for (name, before, fault, needed) in SCENARIOS {
            let setting = Setting {
                seed: 3,
                frames: 64,
                policy,
                is_lazy: true,
            };
            let mut failed = 0;
            for n in 1.. {
                let process = Process::new(setting);
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
