//! Roots that tell the mocks with a platform apart.

use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::Relaxed;

use crate::addr::PhysAddr;
use crate::frame::FRAME_SIZE;

/// How many roots were handed out.
static ROOTS: AtomicUsize = AtomicUsize::new(0);

/// The address of a page that no memory has and that is nobody's root: the last one of all, then the one before. O(1).
///
/// A real frame would be another mock's root after this one has died, and an old ticket would be good there.
pub(super) fn next_root() -> PhysAddr {
    let behind = ROOTS.fetch_add(1, Relaxed) as u64 + 1;
    PhysAddr::new(behind.wrapping_mul(FRAME_SIZE as u64).wrapping_neg())
}
