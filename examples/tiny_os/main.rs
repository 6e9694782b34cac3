//! A tiny operating system: all of the crate at work, in one tour. Start here.
//!
//! `cargo run --example tiny_os`
//!
//! Two processes run a program on a machine in software. Its CPUs translate every address through the page tables, and
//! fault, as RISC-V's do; but they execute no instructions. The fetches, loads and stores that the program would make
//! stand in `tour`, at the addresses that its ELF file says.
//!
//! Each step prints its faults, how many frames are in use after it, and a picture of the spaces. Each count and each
//! resident byte is compared with what it must be. If one is wrong, the exit status is 1.
//!
//! Read on in `kernel.rs`, which has the page-fault handler, and `program.rs`, which maps an ELF file.

mod check;
mod kernel;
mod picture;
mod program;

use std::error::Error;
use std::ops::Range;
use std::process::ExitCode;

use kernel_vm::Access::{Execute, Read, Write};
use kernel_vm::{Permissions, VirtualMemoryMap};

use crate::kernel::{Kernel, Object};
use crate::program::area;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Made of `program.s`, which says how.
static FILE: &[u8] = include_bytes!("program.elf");

const PAGE: usize = 0x1000;
const HEAP: usize = 0x2_0000;
const SHARED: Range<usize> = 0x3_0000..0x3_2000;
const GUARD: Range<usize> = 0x3_c000..0x3_d000;
/// As large as the stack may ever be: pages that are not touched cost nothing.
const STACK: Range<usize> = 0x3_d000..0x4_0000;

fn main() -> ExitCode {
    let mut step = "boot";
    let Err(error) = tour(|name| {
        step = name;
        println!("\n{name}");
    }) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("\nWRONG in step '{step}': {error}");
    ExitCode::FAILURE
}

fn tour(mut step: impl FnMut(&'static str)) -> Result<()> {
    println!("{}", picture::LEGEND);
    let mut os = Kernel::boot(FILE)?;
    let symbol = |name| os.program.symbol(name);
    let (start, greeting, limit) = (symbol("_start")?, symbol("greeting")?, symbol("limit")?);
    let (counter, buffer) = (symbol("counter")?, symbol("buffer")?);
    let auipc = [0x17, 0x25, 0, 0]; // the first instruction

    step("Exec: three segments become maps. A page that two of them share allows what both do.");
    let mut parent = os.exec("parent", 1)?;
    os.end_step(&[&parent], "faults 0 copies 0 flushes 0 frames 1")?; // a root table

    step("Demand paging: a page of the file comes when it is touched.");
    os.access(&parent, Execute, start, &auipc)?;
    os.access(&parent, Read, limit, &1000_u64.to_le_bytes())?; // a constant,
    os.access(&parent, Read, counter, &41_u64.to_le_bytes())?; // data
    os.access(&parent, Read, buffer, &[0; 16])?; // and BSS, in one page
    os.access(&parent, Write, counter, &42_u64.to_le_bytes())?; // the file keeps its 41
    os.access(&parent, Write, buffer + 2 * PAGE, b"in the BSS")?;
    os.end_step(&[&parent], "faults 4 copies 1 flushes 1 frames 7")?;

    step("A heap that grows, a stack above a guard, and memory to be shared.");
    let rw = Permissions::READ | Permissions::WRITE | Permissions::USER;
    let heap = VirtualMemoryMap::anonymous(area(HEAP..HEAP + PAGE)?, rw)?;
    let guard = VirtualMemoryMap::anonymous(area(GUARD)?, Permissions::empty())?;
    let stack = VirtualMemoryMap::anonymous(area(STACK)?, rw)?;
    let shared = VirtualMemoryMap::provided(area(SHARED)?, 0, rw, true)?;
    let space = &mut parent.space;
    space.add_memory_map(heap.with_payload(Object::Heap))?;
    space.add_memory_map(guard.with_payload(Object::Guard))?;
    space.add_memory_map(stack.with_payload(Object::Stack))?;
    space.add_memory_map(shared.with_payload(Object::Shared))?;
    space.remap(area(HEAP..HEAP + PAGE)?, area(HEAP..HEAP + 4 * PAGE)?)?; // brk
    os.access(&parent, Write, HEAP + 2 * PAGE - 4, b"over a border")?;
    os.access(&parent, Write, STACK.end - 8, b"a frame")?;
    os.access(&parent, Write, SHARED.start, b"from the parent")?;
    os.end_step(&[&parent], "faults 4 copies 0 flushes 0 frames 11")?;

    step("Fork: one flush, no copy. Both have all private pages, and neither may write them.");
    let child = os.fork(&mut parent, "child", 2)?;
    os.end_step(&[&parent, &child], "faults 0 copies 0 flushes 1 frames 14")?;

    step("Copy-on-write: who writes first gets a copy, and who writes last keeps the page.");
    os.access(&child, Read, counter, &42_u64.to_le_bytes())?;
    os.access(&child, Write, counter, &43_u64.to_le_bytes())?;
    os.access(&parent, Read, counter, &42_u64.to_le_bytes())?;
    os.access(&parent, Write, counter, &44_u64.to_le_bytes())?;
    os.access(&child, Write, HEAP + PAGE, b"the child's")?;
    os.access(&parent, Write, HEAP + 2 * PAGE, b"the parent's")?;
    os.end_step(&[&parent, &child], "faults 4 copies 3 flushes 3 frames 17")?;

    step("What is shared: the program's pages, and memory that either has touched first.");
    os.access(&child, Read, greeting, b"hello from a small program\0")?;
    os.access(&parent, Read, greeting, b"hello from a small program\0")?;
    os.access(&child, Read, SHARED.start, b"from the parent")?;
    os.access(&child, Write, SHARED.start + PAGE, b"from the child")?;
    os.access(&parent, Read, SHARED.start + PAGE, b"from the child")?;
    os.end_step(&[&parent, &child], "faults 5 copies 0 flushes 0 frames 19")?;

    step("Bad accesses are refused, and change nothing.");
    os.refuse(&child, Write, start)?;
    os.refuse(&child, Execute, STACK.end - 8)?;
    os.refuse(&child, Write, GUARD.end - 8)?;
    os.refuse(&child, Read, 0)?;
    os.end_step(&[&parent, &child], "faults 4 copies 0 flushes 0 frames 19")?;

    step("The child exits: its frames are back, and the parent reuses what was left of the fork.");
    os.exit(child);
    os.access(&parent, Write, STACK.end - 16, b"unshared")?;
    os.end_step(&[&parent], "faults 1 copies 0 flushes 1 frames 13")?;

    step("The parent exits, and the kernel drops its caches: every frame is back.");
    os.exit(parent);
    os.drop_caches();
    os.end_step(&[], "faults 0 copies 0 flushes 1 frames 0")
}
