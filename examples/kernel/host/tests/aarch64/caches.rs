//! No caches of data and instructions are simulated.

use kernel_vm::{MemoryArea, PhysAddr};

pub fn clean(_area: MemoryArea<PhysAddr>) {}

pub fn forget_instructions() {}
