//! A guess at which CPU this is, for who does not know.

/// The least distance between the stacks of two CPUs, as a power of two of bytes.
const STACK_BITS: u32 = 14;

/// A number for whoever runs on this stack. Two CPUs may have one by chance, and a deep call may have another. O(1).
#[inline]
pub(crate) fn guess() -> usize {
    let here = 0_u8;
    let stack = core::ptr::from_ref(&here).addr() >> STACK_BITS;
    // All bits count: stacks lie at multiples of anything from 16 KiB to 8 MiB.
    stack.wrapping_mul(0x9e37_79b9) >> 27
}
