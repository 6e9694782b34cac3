//! The tables that segments, tasks and traps take (SDM, 'Protected-Mode Memory Management', 'Task Management',
//! 'Interrupt and Exception Handling').

use core::arch::asm;
use core::sync::atomic::Ordering::Relaxed;

use super::apic::{CALL_VECTOR, SPURIOUS_VECTOR};
use super::trap;
use crate::cpus;
use crate::layout::MAX_CPUS;
use crate::once::Once;

/// The kernel's code, as in boot.S, so that no segment register changes when this table takes the boot table's place.
const KERNEL_CODE: u16 = 0x08;
pub const USER_DATA: u16 = 0x18 | 3;
pub const USER_CODE: u16 = 0x20 | 3;
/// The first of the task-state segments, of 2 entries each.
const TASK_STATES: u16 = 0x28;

/// The vector of a program's calls.
pub const CALL: u8 = 0x80;

/// A task-state segment: in long mode, stacks and no more. The stack for traps of programs is at byte 4; and at byte
/// 102 is where a map of I/O ports begins: behind the end.
#[repr(C, align(16))]
struct TaskState([u32; 26]);

const SEGMENTS: usize = 5 + 2 * MAX_CPUS;
const VECTORS: usize = 256;

struct Tables {
    segments: [u64; SEGMENTS],
    vectors: [[u64; 2]; VECTORS],
}

static TABLES: Once<Tables> = Once::new();

/// What `lgdt` and `lidt` read.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: usize,
}

impl Pointer {
    fn to<T>(table: &T) -> Self {
        Self {
            limit: (size_of::<T>() - 1) as u16,
            base: (&raw const *table).expose_provenance(),
        }
    }
}

fn task_state(id: usize) -> *mut TaskState {
    static mut TASK_STATES: [TaskState; MAX_CPUS] = [const {
        let mut words = [0; 26];
        words[25] = (size_of::<TaskState>() as u32) << 16;
        TaskState(words)
    }; MAX_CPUS];
    let first: *mut TaskState = (&raw mut TASK_STATES).cast();
    first.wrapping_add(id)
}

fn segments() -> [u64; SEGMENTS] {
    let mut segments = [0; SEGMENTS];
    segments[1] = 0x00af_9a00_0000_ffff;
    segments[2] = 0x00cf_9200_0000_ffff;
    segments[3] = 0x00cf_f200_0000_ffff;
    segments[4] = 0x00af_fa00_0000_ffff;
    for id in 0..MAX_CPUS {
        let base = task_state(id).expose_provenance() as u64;
        let limit = size_of::<TaskState>() as u64 - 1;
        let kind = 0x89 << 40;
        let low = limit | (base & 0xff_ffff) << 16 | kind | (base >> 24 & 0xff) << 56;
        (segments[5 + 2 * id], segments[6 + 2 * id]) = (low, base >> 32);
    }
    segments
}

/// A gate that turns interrupts off, for this ring and those inside it.
fn gate(vector: u8, ring: u64) -> [u64; 2] {
    let to = trap::stub(vector) as u64;
    let kind = 0x8e00 | ring << 13;
    let low = to & 0xffff | u64::from(KERNEL_CODE) << 16 | kind << 32 | (to >> 16 & 0xffff) << 48;
    [low, to >> 32]
}

fn vectors() -> [[u64; 2]; VECTORS] {
    let mut vectors = [[0; 2]; VECTORS];
    for vector in (0..32).chain([CALL_VECTOR, SPURIOUS_VECTOR]) {
        vectors[usize::from(vector)] = gate(vector, 0);
    }
    vectors[usize::from(CALL)] = gate(CALL, 3);
    vectors
}

/// Makes this CPU use the tables; the first makes them.
pub fn init(is_first: bool) {
    if is_first {
        let (segments, vectors) = (segments(), vectors());
        // SAFETY: the first CPU is alone.
        unsafe { TABLES.set(Tables { segments, vectors }) };
    }
    let cpu = cpus::this();
    let tables = TABLES.get().expect("the first CPU has made them");
    let task = TASK_STATES + 16 * cpu.id() as u16;
    let state = task_state(cpu.id()).expose_provenance();
    cpu.own.task_state.store(state, Relaxed);
    let (segments, vectors) = (Pointer::to(&tables.segments), Pointer::to(&tables.vectors));
    // SAFETY: the tables stay, and the segments in use are what they were; `ltr` marks this CPU's own entry, once.
    unsafe {
        asm!(
            "lgdt [{segments}]",
            "lidt [{vectors}]",
            "ltr {task:x}",
            segments = in(reg) &segments,
            vectors = in(reg) &vectors,
            task = in(reg) task,
            options(nostack),
        );
    }
}
