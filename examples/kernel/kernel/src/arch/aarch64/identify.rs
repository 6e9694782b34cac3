//! What this CPU has, as its identification registers say.

use kernel_vm::backend::radix::{AccessedDirty, Features};

use super::LETS_MMU_MARK;
use super::system::read;

/// ID_AA64MMFR0_EL1 and ID_AA64MMFR1_EL1, the Memory Model Feature Registers.
fn memory_model() -> [u64; 2] {
    [read!("id_aa64mmfr0_el1"), read!("id_aa64mmfr1_el1")]
}

/// A field of four bits of one of them.
fn field(register: usize, lowest: u32) -> u64 {
    memory_model()[register] >> lowest & 0xf
}

/// ASIDBits; boot.S has set TCR_EL1.AS accordingly.
pub fn asid_bits() -> u32 {
    if field(0, 4) == 2 { 16 } else { 8 }
}

/// PARange, as a number of bits.
fn physical_bits() -> u32 {
    match field(0, 0) {
        0 => 32,
        1 => 36,
        2 => 40,
        3 => 42,
        4 => 44,
        _ => 48,
    }
}

/// FEAT_HAFDBS, dirty state included.
pub fn has_dirty_state() -> bool {
    field(1, 0) >= 2
}

/// Whether the MMU keeps access flag and dirty state: boot.S has set TCR_EL1.HA and HD then.
pub fn mmu_marks() -> bool {
    LETS_MMU_MARK && has_dirty_state()
}

/// FEAT_PAN.
pub fn has_pan() -> bool {
    field(1, 20) != 0
}

pub fn features() -> Features {
    let accessed_dirty = if mmu_marks() {
        AccessedDirty::Hardware
    } else {
        AccessedDirty::Preset
    };
    Features::new()
        .with_accessed_dirty(accessed_dirty)
        .with_physical_bits(physical_bits())
}
