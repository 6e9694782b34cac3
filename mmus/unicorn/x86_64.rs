//! Unicorn's x86-64: an Ice Lake with 40 bits of physical address, as QEMU's software has them.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{Exception, Levels, X86_64};

use super::engine::{Arch, Engine};
use crate::author::{Author, Difference, MarkDifference, Step};
use crate::isa::{Flags, Long, span};
use crate::random::Random;
use crate::tables::Tables;

const EFLAGS: i32 = 25;
const RCX: i32 = 38;
const CR0: i32 = 50;
const CR3: i32 = 53;
const CR4: i32 = 54;
const R11: i32 = 109;
const MSR: i32 = 248;
const ICE_LAKE: i32 = 26;

/// A model-specific register, as the library's header has it.
#[repr(C)]
struct Msr {
    number: u32,
    value: u64,
}

const EFER: u32 = 0xc000_0080;
const STAR: u32 = 0xc000_0081;

/// EFER: SCE, LME and LMA.
const LONG_MODE: u64 = 0x501;
const NXE: u64 = 1 << 11;

/// Two CPUs: one is in the kernel's mode, and the other has left it.
pub struct UnicornX86 {
    engines: [Engine; 2],
    cpus: X86_64,
    is_user: bool,
    root: u64,
}

impl UnicornX86 {
    fn engine(&self) -> &Engine {
        &self.engines[usize::from(self.is_user)]
    }
}

impl<const LEVELS: usize> Author<Long<LEVELS>> for UnicornX86 {
    type Fault = ();

    const NAME: &'static str = "unicorn";
    const SETS_MARKS: bool = true;

    fn cpus(random: &mut Random) -> X86_64 {
        let levels = if LEVELS == 4 {
            Levels::Four
        } else {
            Levels::Five
        };
        let cpus = X86_64::new().with_levels(levels).with_physical_bits(40);
        cpus.with_nxe(!random.one_in(3))
    }

    fn mode(random: &mut Random) -> Flags {
        Flags::any(random)
    }

    fn new(cpus: X86_64) -> Self {
        let nxe = if cpus.nxe { NXE } else { 0 };
        let engines = [false, true].map(|is_user| {
            let mut engine = Engine::new(Arch::X86_64, Some(ICE_LAKE));
            set_msr(&engine, EFER, LONG_MODE | nxe);
            if is_user {
                leave_the_kernel(&mut engine);
            }
            engine
        });
        Self {
            engines,
            cpus,
            is_user: false,
            root: 0,
        }
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.engines
            .iter_mut()
            .for_each(|engine| engine.load(tables));
        self.root = root;
    }

    fn enter(&mut self, mode: Flags) {
        self.is_user = mode.is_user;
        let (engine, la57) = (self.engine(), self.cpus.levels == Levels::Five);
        let cr4 = 1 << 5 | u64::from(la57) << 12 | u64::from(mode.smep) << 20;
        engine.set(CR3, &self.root);
        engine.set(CR4, &(cr4 | u64::from(mode.smap) << 21));
        engine.set(CR0, &(1_u64 << 31 | u64::from(mode.wp) << 16 | 0x11));
        engine.set(EFLAGS, &(u64::from(mode.ac) << 18 | 2));
    }

    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, ()> {
        self.engine().ask(vaddr, access).ok_or(())
    }

    fn word(&self, at: u64) -> u64 {
        self.engine().word(at)
    }

    fn put(&mut self, at: u64, word: u64) {
        self.engine().write(at, &word.to_le_bytes());
    }

    fn fault(_: Exception) {}

    fn mark_differences() -> Vec<MarkDifference<Long<LEVELS>>> {
        vec![MarkDifference {
            name: "A of a reserved leaf of 1 GiB",
            section: "SDM vol. 3, 'Accessed and Dirty Flags': A is set where an entry is used, \
                and one with a reserved bit is not",
            marks: accessed_though_reserved,
        }]
    }

    /// None.
    fn differences() -> Vec<Difference<Long<LEVELS>>> {
        Vec::new()
    }
}

fn set_msr(engine: &Engine, number: u32, value: u64) {
    engine.set(MSR, &Msr { number, value });
}

/// `sysretq`, before addresses are translated: the library lets nobody write CPL.
fn leave_the_kernel(engine: &mut Engine) {
    let code = 0x1000;
    engine.map(code);
    engine.write(code, b"\x48\x0f\x07");
    set_msr(engine, STAR, 0x13 << 48 | 0x08 << 32);
    engine.set(RCX, &code);
    engine.set(R11, &2_u64);
    engine.step(code);
}

/// A of a leaf of 1 GiB is set before the bits are looked at that are reserved in it alone: if the walk comes there.
fn accessed_though_reserved(cpus: &X86_64, steps: &[Step]) -> u64 {
    let [p, a, ps] = [1, 1 << 5, 1 << 7];
    let xd = if cpus.nxe { 0 } else { 1 << 63 };
    let reserved_in_all = ((1 << 12) - 1) << 40 | xd;
    let is_reached = steps
        .iter()
        .all(|step| step.word & (reserved_in_all | p) == p);
    let low = (span(2) - 1) & !0x1fff;
    let is_one = |step: &Step| step.level == 2 && step.word & ps != 0 && step.word & low != 0;
    if is_reached && steps.last().is_some_and(is_one) {
        a
    } else {
        0
    }
}
