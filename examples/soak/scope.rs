//! What can be soaked, each by its name.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::backend::radix::Format;
use kernel_vm::backend::sv39::Sv39Format;
use kernel_vm::backend::x86_64::X86_64Format;

use kernel_vm::MemoryArea;
use kernel_vm::testing::{Broken, Lie, Subject, Tally, Verbs};

use crate::machine::Mmu;
use crate::maps::Maps;
use crate::radix::Tables;

/// Does verbs of some kind.
pub(crate) type Run = fn(Verbs) -> Result<Tally, Broken>;

/// A name, and what is soaked under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    pub(crate) name: &'static str,
    pub(crate) run: Run,
    /// What must be found in it.
    pub(crate) lies: &'static [Lie],
}

pub(crate) const SCOPES: [Scope; 7] = [
    Scope {
        name: "tree",
        run: |verbs| run(verbs, |window, _| Maps::new(window)),
        lies: &Lie::MAPS,
    },
    radix::<Sv39Format>("sv39"),
    radix::<X86_64Format<4>>("x86_64"),
    radix::<Aarch64Format<4>>("aarch64"),
    machine::<Sv39Format>("machine-sv39"),
    machine::<X86_64Format<4>>("machine-x86_64"),
    machine::<Aarch64Format<4>>("machine-aarch64"),
];

/// The page tables of a format.
const fn radix<F: Format>(name: &'static str) -> Scope {
    Scope {
        name,
        run: |verbs| run(verbs, Tables::<F, HostFrames>::new),
        lies: &Lie::PAGES,
    }
}

/// The page tables of a format, with CPUs that use them.
const fn machine<F: Mmu>(name: &'static str) -> Scope {
    Scope {
        name,
        run: |verbs| run(verbs, Tables::<F, Machine<F::Cpus>>::new),
        lies: &Lie::CPUS,
    }
}

/// One run of so many is wide.
pub(crate) const WIDE_EVERY: u64 = 4;

impl Scope {
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let group = self.name.split('-').next();
        self.name == name || group == Some(name)
    }

    /// The verbs of run number `run`.
    pub(crate) fn verbs(&self, seed: u64, run: u64) -> Verbs {
        let verbs = Verbs::nth(seed, run);
        if run % WIDE_EVERY == WIDE_EVERY - 1 {
            verbs.wide()
        } else {
            verbs
        }
    }
}

/// A panic is as wrong as an answer.
fn run<S: Subject>(verbs: Verbs, make: impl Fn(MemoryArea, u64) -> S) -> Result<Tally, Broken> {
    let verbs = verbs.guard(|run| {
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let law = "no verb panics";
            Err(Broken::new(law, text.unwrap_or("without a text")))
        })
    });
    verbs.run(|window| make(window, verbs.seed()))
}
