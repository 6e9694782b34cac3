//! What this CPU has (SDM, 'CPUID—CPU Identification').

use core::arch::asm;

/// EAX, EBX, ECX and EDX of a leaf.
fn leaf(leaf: u32) -> [u32; 4] {
    let (eax, ebx, ecx, edx): (u32, u64, u32, u32);
    // SAFETY: the instruction changes registers alone; compiled code has RBX for itself.
    unsafe {
        asm!(
            "mov {ebx}, rbx",
            "cpuid",
            "xchg {ebx}, rbx",
            ebx = out(reg) ebx,
            inout("eax") leaf => eax,
            inout("ecx") 0 => ecx,
            out("edx") edx,
            options(nomem, nostack),
        );
    }
    [eax, ebx as u32, ecx, edx]
}

/// Ring 0 neither executes user pages (SMEP) nor reads and writes them unless it says so (SMAP).
pub fn has_smep_and_smap() -> bool {
    let [_, ebx, ..] = leaf(7);
    let bits = 1 << 7 | 1 << 20;
    ebx & bits == bits
}

/// PCIDs, and the instruction that invalidates under one of them. One without the other is not used here.
pub fn has_pcids() -> bool {
    let [_, _, ecx, _] = leaf(1);
    let [_, ebx, ..] = leaf(7);
    ecx & 1 << 17 != 0 && ebx & 1 << 10 != 0
}

/// How many bits a physical address has.
pub fn physical_bits() -> u32 {
    let [eax, ..] = leaf(0x8000_0008);
    eax & 0xff
}

/// Whether there are leaves of 1 GiB.
pub fn has_gib_leaves() -> bool {
    let [.., edx] = leaf(0x8000_0001);
    edx & 1 << 26 != 0
}
