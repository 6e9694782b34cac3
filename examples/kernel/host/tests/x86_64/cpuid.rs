//! What the simulated CPUs have.

pub fn has_pcids() -> bool {
    crate::PCIDS
}
