//! Every call of every hook panics once, in every verb of a page table.

mod stage;
mod strike;
mod verbs;

use std::collections::BTreeSet;
use std::panic::resume_unwind;

use kernel_vm::backend::Paging;
use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::sv48::Sv48Format;
use kernel_vm::backend::sv57::Sv57Format;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{Access, Retired, VirtAddr};

use super::platform::{Blow, Hook, Moment, Panicky, Struck, every_blow, survive};
use crate::radix::shape::Shape;
use crate::subject::{PAGE, area};
use stage::{ASID, GIB, MIB, READ, RW, RX, Stage, run};
use strike::{settles, strike_all};
use verbs::{ALL_LOW, edits, elsewhere, exclusive, own_table, shared};

/// Strikes all verbs on each format.
macro_rules! survive_every_panic {
    ($($(#[$when:meta])? $name:ident: $format:ty,)*) => { $(
        $(#[$when])?
        mod $name {
            use super::*;

            #[test]
            fn shared_verbs_survive() {
                strike_all::<$format>(&shared());
            }

            #[test]
            fn exclusive_verbs_survive() {
                strike_all::<$format>(&exclusive());
            }

            #[test]
            fn edits_survive() {
                strike_all::<$format>(&edits());
            }

            #[test]
            fn who_makes_a_page_table_survives() {
                makes_all::<$format>();
            }

            #[test]
            fn who_drops_a_page_table_survives() {
                drops::<$format>();
            }

            #[test]
            fn a_kernels_page_table_survives() {
                edits_a_kernels::<$format>();
            }

            #[test]
            fn a_harvest_survives_a_sink_that_panics() {
                harvests::<$format>();
            }

            #[test]
            fn a_flush_that_panicked_is_made_up_for() {
                flushes_again::<$format>();
            }

            #[test]
            fn nothing_is_mapped_before_a_flush_that_panicked_is_made_up_for() {
                maps_later::<$format>();
            }
        }
    )* };
}

survive_every_panic! {
    on_sv39: Sv39Format,
    #[cfg(not(kernel_vm_few_formats))]
    on_sv48: Sv48Format,
    #[cfg(not(kernel_vm_few_formats))]
    on_sv57: Sv57Format,
    #[cfg(not(kernel_vm_few_formats))]
    on_x86_64: X86_64Format<4>,
    #[cfg(not(kernel_vm_few_formats))]
    on_x86_64_la57: X86_64Format<5>,
    #[cfg(not(kernel_vm_few_formats))]
    on_aarch64: Aarch64Format<4>,
    on_aarch64_va39: Aarch64Format<3>,
}

/// A page table is made, or nothing of it is left but what leaked.
fn makes<F: Shape>(make: impl Fn(Panicky) -> Radix<F, Panicky>) {
    every_blow(|blow| {
        let platform = Panicky::new(16);
        platform.arm(blow);
        let table = survive(|| make(platform.clone()));
        platform.disarm();
        let is_struck = table.is_none();
        if let Some(table) = table {
            table.check_invariants().unwrap();
            drop(table);
            assert_eq!(platform.in_use().len(), 0, "{blow:?}");
        }
        // The frame that it was about, and no other.
        let leaked = platform.in_use().len();
        assert!(leaked <= 1, "{blow:?}: {leaked} have leaked");
        is_struck
    });
}

fn makes_all<F: Shape>() {
    makes(|platform| Radix::<F, _>::new(platform).unwrap());
    let upper = area(0xffff_ffff_0000_0000, 3 * GIB);
    let features = Features::default();
    makes(|platform| Radix::<F, _>::kernel(platform, features, upper).unwrap());
    let kernel = Radix::<F, _>::kernel(Panicky::new(16), features, upper).unwrap();
    makes(|platform| Radix::with_kernel(platform, &kernel).unwrap());
    every_blow(|blow| {
        let platform = Panicky::new(16);
        kernel.platform().arm(blow);
        let table = survive(|| Radix::with_kernel(platform.clone(), &kernel).unwrap());
        kernel.platform().disarm();
        let is_struck = table.is_none();
        drop(table);
        assert_eq!(platform.in_use().len(), 0, "{blow:?}");
        is_struck
    });
}

fn drops<F: Shape>() {
    for waits in [false, true] {
        every_blow(|blow| {
            let mut stage = Stage::<F>::new(AccessedDirty::Preset);
            if waits {
                stage.unmap(own_table());
            }
            stage.platform.cache(stage.owned());
            let all = stage.platform.in_use().len();
            let Stage {
                table, platform, ..
            } = stage;
            platform.arm(blow);
            let is_struck = survive(|| drop(table)).is_none();
            platform.disarm();
            assert_eq!(platform.given_back_early(), [], "{blow:?}");
            let leaked = platform.in_use().len();
            let released = all - leaked;
            match (is_struck, blow.hook, blow.moment) {
                (false, ..) => assert_eq!(leaked, 0, "{blow:?}"),
                (true, Hook::Flush, _) => assert_eq!(released, 0, "{blow:?}"),
                (true, Hook::Release, Moment::Before) => {
                    assert_eq!(released, blow.n - 1, "{blow:?}");
                }
                (true, Hook::Release, _) => assert_eq!(released, blow.n, "{blow:?}"),
                (true, ..) => assert_ne!(leaked, 0, "{blow:?}"),
            }
            is_struck
        });
    }
}

/// A kernel's page table, whose tables below the root stay.
fn edits_a_kernels<F: Shape>() {
    let upper = area(0xffff_ffff_0000_0000, 3 * GIB);
    let start = upper.start().get();
    for edit in [
        Edit::Map(run(start + GIB - PAGE, 0x1000, 2 * PAGE, RX)),
        Edit::Unmap(upper),
        Edit::Protect(area(start, GIB), READ),
    ] {
        every_blow(|blow| {
            let platform = Panicky::new(64);
            let features = Features::default();
            let table = Radix::<F, _>::kernel(platform.clone(), features, upper);
            let mut table = table.unwrap();
            for page in [0, 7 * PAGE, 2 * MIB] {
                let page = run(start + page, 0x1000, PAGE, RW);
                table.edit(Edit::Map(page), ASID).unwrap();
            }
            platform.arm(blow);
            let is_struck = survive(|| table.edit(edit, ASID).unwrap()).is_none();
            platform.disarm();
            assert_eq!(table.check_invariants(), Ok(()), "{blow:?}");
            table.retire(Retired::new(), ASID);
            table.edit(Edit::Unmap(upper), ASID).unwrap();
            assert_eq!(table.check_invariants(), Ok(()), "{blow:?}");
            let kept = BTreeSet::from([table.root()]);
            assert!(kept.is_subset(&platform.in_use()));
            drop(table);
            is_struck
        });
    }
}

/// A sink is somebody else's code, too.
fn harvests<F: Shape>() {
    for n in 1..8 {
        let mut stage = Stage::<F>::new(AccessedDirty::Hardware);
        for page in [1, 2, 8, 1024] {
            let page = VirtAddr::new(page * PAGE);
            stage.table.touch(page, Access::Write).unwrap();
        }
        let mut seen = 0;
        let (table, out) = (&mut stage.table, &mut stage.out);
        let answer = survive(|| {
            table.harvest(area(0, ALL_LOW), out, |_| {
                seen += 1;
                if seen == n {
                    resume_unwind(Box::new(Struck));
                }
            });
        });
        assert_eq!(answer, None);
        assert_eq!(
            flushes(&mut stage),
            1,
            "what it has cleared is cached as set"
        );
        let blow = Blow {
            hook: Hook::Reach,
            n,
            moment: Moment::Before,
        };
        assert_eq!(settles(stage, ("sink", blow)), 0);
    }
}

/// How often the page table flushes when it is told to retire nothing.
fn flushes<F: Shape>(stage: &mut Stage<F>) -> usize {
    stage.platform.arm(Blow {
        hook: Hook::Flush,
        n: usize::MAX,
        moment: Moment::Before,
    });
    stage.table.retire(Retired::new(), ASID);
    stage.platform.disarm();
    stage.platform.calls(Hook::Flush)
}

/// Edits that flush once.
fn flushing() -> [Edit; 5] {
    [
        Edit::Unmap(area(PAGE, PAGE)),
        Edit::Unmap(area(8 * PAGE, PAGE)),
        Edit::Unmap(area(GIB, GIB)),
        Edit::Protect(area(0, 2 * GIB), READ),
        Edit::Shift {
            from: own_table(),
            to: elsewhere(own_table()),
        },
    ]
}

/// A page table whose edit was left by the panic of its flush.
fn unflushed<F: Shape>(edit: Edit) -> Stage<F> {
    let mut stage = Stage::<F>::new(AccessedDirty::Preset);
    stage.platform.arm(Blow {
        hook: Hook::Flush,
        n: 1,
        moment: Moment::Before,
    });
    let answer = survive(|| stage.table.edit(edit, ASID).unwrap());
    assert_eq!(answer, None);
    stage
}

/// Where an edit took something out, another translation may be cached until the flush.
fn maps_later<F: Shape>() {
    for edit in flushing() {
        let mut stage = unflushed::<F>(edit);
        stage.platform.arm(Blow {
            hook: Hook::Flush,
            n: usize::MAX,
            moment: Moment::Before,
        });
        let again = run(PAGE, 0x9000_0000, PAGE, RW);
        stage.table.edit(Edit::Map(again), ASID).unwrap();
        stage.platform.disarm();
        assert_eq!(stage.platform.calls(Hook::Flush), 1, "{edit:?}");
        assert_eq!(flushes(&mut stage), 0, "{edit:?}");
        stage.table.check_invariants().unwrap();
    }
}

/// Whatever the platform made of a flush that panicked, it is told once more.
fn flushes_again<F: Shape>() {
    for edit in flushing() {
        let mut stage = unflushed::<F>(edit);
        assert_eq!(
            [flushes(&mut stage), flushes(&mut stage)],
            [1, 0],
            "{edit:?}"
        );
    }
}
