//! Interrupts that let other CPUs do something: here they do it at once, one by one.

use crate::cpus::{self, CpuSet};

/// Does `job` on these CPUs, and on this one.
pub fn on_each(cpus: CpuSet, job: &(dyn Fn() + Sync)) {
    let this = cpus::this().id();
    for other in cpus::others_of(cpus).into_iter().flat_map(CpuSet::ids) {
        cpus::init(other);
        job();
    }
    cpus::init(this);
    job();
}
