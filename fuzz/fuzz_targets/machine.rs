//! Kernels of several spaces on several CPUs, on the software MMU; and any bytes as tables.
#![no_main]

#[path = "../../tests/it/machine/junk.rs"]
mod junk;
#[expect(dead_code, reason = "written for tests, too")]
#[path = "../../tests/it/machine/mmu/mod.rs"]
mod mmu;
#[path = "../../tests/it/machine/world/mod.rs"]
mod world;

use arbitrary::{Arbitrary, Unstructured};
use kernel_vm::backend::aarch64::Aarch64Format;
use kernel_vm::backend::mock::machine::{AArch64, Extensions, RiscV, X86_64};
use kernel_vm::backend::radix::AccessedDirty;
use kernel_vm::backend::x86_64::X86_64Format;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm_fuzz::Ops;
use libfuzzer_sys::fuzz_target;

use junk::{Junk, Word};
use mmu::{Mmu, POLICIES};
use world::{Bytes, Op, Setting};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Tables {
    Sv39,
    Sv48,
    Sv57,
    X86FourLevels,
    X86FiveLevels,
    Arm48Bits,
    Arm39Bits,
}

#[derive(Arbitrary, Debug)]
struct World {
    seed: u64,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=3))]
    asid_bits: u32,
    is_lazy: bool,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.choose(&POLICIES).copied())]
    policy: AccessedDirty,
    ops: Ops<Bytes>,
}

#[derive(Arbitrary, Debug)]
struct Bits {
    seed: u64,
    /// Two features of the CPUs.
    has: [bool; 2],
    addrs: [usize; 8],
    words: Ops<(u64, u16, u8, bool)>,
}

#[derive(Arbitrary, Debug)]
enum Input {
    World(World),
    Bits(Bits),
}

fn run(tables: Tables, world: &World) -> Result<(), String> {
    let ops: Vec<_> = world.ops.0.iter().copied().map(Op::new).collect();
    let setting = Setting {
        seed: world.seed,
        asid_bits: world.asid_bits,
        is_lazy: world.is_lazy,
        policy: world.policy,
    };
    match tables {
        Tables::Sv39 => world::run::<Sv39Format>(setting, &ops),
        Tables::Sv48 => world::run::<Sv48Format>(setting, &ops),
        Tables::Sv57 => world::run::<Sv57Format>(setting, &ops),
        Tables::X86FourLevels => world::run::<X86_64Format<4>>(setting, &ops),
        Tables::X86FiveLevels => world::run::<X86_64Format<5>>(setting, &ops),
        Tables::Arm48Bits => world::run::<Aarch64Format<4>>(setting, &ops),
        Tables::Arm39Bits => world::run::<Aarch64Format<3>>(setting, &ops),
    }
}

fn look(tables: Tables, bits: &Bits) {
    match tables {
        Tables::Sv39 => look_at_riscv::<Sv39Format>(bits),
        Tables::Sv48 => look_at_riscv::<Sv48Format>(bits),
        Tables::Sv57 => look_at_riscv::<Sv57Format>(bits),
        Tables::X86FourLevels => look_at_x86::<4>(bits),
        Tables::X86FiveLevels => look_at_x86::<5>(bits),
        Tables::Arm48Bits => look_at_arm::<4>(bits),
        Tables::Arm39Bits => look_at_arm::<3>(bits),
    }
}

fn look_at_riscv<F: Mmu<Cpus = RiscV>>(bits: &Bits) {
    let [svadu, svpbmt] = bits.has;
    let extensions = Extensions::new().with_svadu(svadu).with_svpbmt(svpbmt);
    look_at::<F>(RiscV::new(extensions), bits, !svadu);
}

fn look_at_x86<const L: usize>(bits: &Bits) {
    let [nxe, gigabytes] = bits.has;
    let cpus: X86_64 = X86_64Format::<L>::cpus();
    let cpus = cpus.with_nxe(nxe).with_gigabytes(gigabytes);
    look_at::<X86_64Format<L>>(cpus, bits, false);
}

fn look_at_arm<const L: usize>(bits: &Bits) {
    let [wxn, is_hardware] = bits.has;
    let policy = if is_hardware {
        AccessedDirty::Hardware
    } else {
        AccessedDirty::Software
    };
    let cpus: AArch64 = Aarch64Format::<L>::cpus_with(policy);
    look_at::<Aarch64Format<L>>(cpus.with_wxn(wxn), bits, !is_hardware);
}

fn look_at<F: Mmu>(cpus: F::Cpus, bits: &Bits, leaves_words: bool) {
    let words: Vec<_> = bits.words.0.iter().copied().map(Word::from).collect();
    Junk::<F>::new(cpus, bits.seed, &words).look(&bits.addrs, leaves_words);
}

fuzz_target!(|input: (Tables, Input)| {
    let (tables, input) = input;
    match input {
        Input::World(world) => run(tables, &world).unwrap(),
        Input::Bits(bits) => look(tables, &bits),
    }
});
