//! Kernels of several spaces on several CPUs, on the software MMU; and any bytes as tables.
#![no_main]

#[path = "../../tests/it/machine/junk.rs"]
mod junk;
#[path = "../../tests/it/machine/mmu.rs"]
mod mmu;
#[expect(dead_code, reason = "written for tests, too")]
#[path = "../../tests/it/machine/tables.rs"]
mod tables;
#[path = "../../tests/it/machine/world/mod.rs"]
mod world;

use arbitrary::{Arbitrary, Unstructured};
use kernel_vm::backend::mock::machine::Extensions;
use kernel_vm::backend::riscv::Mode;
use kernel_vm::backend::{sv39::Sv39Format, sv48::Sv48Format, sv57::Sv57Format};
use kernel_vm_fuzz::Ops;
use libfuzzer_sys::fuzz_target;

use junk::{Junk, Word};
use world::{Bytes, Op, Setting};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Levels {
    Three,
    Four,
    Five,
}

#[derive(Arbitrary, Debug)]
struct World {
    seed: u64,
    #[arbitrary(with = |bytes: &mut Unstructured<'_>| bytes.int_in_range(0..=3))]
    asid_bits: u32,
    is_lazy: bool,
    ops: Ops<Bytes>,
}

#[derive(Arbitrary, Debug)]
struct Bits {
    seed: u64,
    svadu: bool,
    svpbmt: bool,
    addrs: [usize; 8],
    words: Ops<(u64, u16, u8, bool)>,
}

#[derive(Arbitrary, Debug)]
enum Input {
    World(World),
    Bits(Bits),
}

fn run(levels: Levels, world: &World) -> Result<(), String> {
    let ops: Vec<_> = world.ops.0.iter().copied().map(Op::new).collect();
    let setting = Setting {
        seed: world.seed,
        asid_bits: world.asid_bits,
        is_lazy: world.is_lazy,
    };
    match levels {
        Levels::Three => world::run::<Sv39Format>(setting, &ops),
        Levels::Four => world::run::<Sv48Format>(setting, &ops),
        Levels::Five => world::run::<Sv57Format>(setting, &ops),
    }
}

fn look(levels: Levels, bits: &Bits) {
    let mode = match levels {
        Levels::Three => Mode::Sv39,
        Levels::Four => Mode::Sv48,
        Levels::Five => Mode::Sv57,
    };
    let extensions = Extensions::new()
        .with_svadu(bits.svadu)
        .with_svpbmt(bits.svpbmt);
    let words: Vec<_> = bits.words.0.iter().copied().map(Word::from).collect();
    Junk::new(mode, extensions, bits.seed, &words).look(&bits.addrs);
}

fuzz_target!(|input: (Levels, Input)| {
    let (levels, input) = input;
    match input {
        Input::World(world) => run(levels, &world).unwrap(),
        Input::Bits(bits) => look(levels, &bits),
    }
});
