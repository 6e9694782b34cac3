//! Firmware that fences other harts, and does no more than the specification says.

use kernel_vm::{Asid, VirtAddr};

use super::cpu::on;
use crate::cpus::CpuSet;
use crate::layout::PAGE;

type Answer = Result<usize, isize>;

pub fn remote_fence_i(_harts: CpuSet) -> Answer {
    Ok(0)
}

pub fn remote_sfence_vma(harts: CpuSet, start: usize, size: usize) -> Answer {
    remote(harts, start, size, None)
}

pub fn remote_sfence_vma_asid(harts: CpuSet, start: usize, size: usize, asid: u16) -> Answer {
    remote(harts, start, size, Some(Asid::new(asid)))
}

fn remote(harts: CpuSet, start: usize, size: usize, asid: Option<Asid>) -> Answer {
    for hart in harts.ids() {
        if size == usize::MAX {
            on(hart, |hart| hart.sfence_vma(None, asid));
            continue;
        }
        let pages = (start..start + size).step_by(PAGE).map(VirtAddr::new);
        pages.for_each(|page| on(hart, |hart| hart.sfence_vma(Some(page), asid)));
    }
    Ok(0)
}
