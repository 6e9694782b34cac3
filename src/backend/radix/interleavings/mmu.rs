//! MMUs that write entries: the words that they leave, by what the manuals say and not by the formats.

use crate::backend::aarch64::Aarch64Format;
use crate::backend::radix::entry::format::Format;
use crate::backend::sv39::Sv39Format;
use crate::permissions::Access;

/// A format, and what an MMU does to a leaf that is used.
pub(super) trait Mmu: Format + 'static {
    /// The word that the MMU leaves in the place of `leaf` when it is used so.
    fn used_by_mmu(leaf: u64, access: Access) -> u64;
}

impl Mmu for Sv39Format {
    /// Svadu: A and D are set.
    fn used_by_mmu(leaf: u64, access: Access) -> u64 {
        let dirty = if access == Access::Write { 1 << 7 } else { 0 };
        leaf | 1 << 6 | dirty
    }
}

impl Mmu for Aarch64Format<4> {
    /// FEAT_HAFDBS: AF is set, and a write clears AP\[2\].
    fn used_by_mmu(leaf: u64, access: Access) -> u64 {
        let read_only = if access == Access::Write { 1 << 7 } else { 0 };
        (leaf | 1 << 10) & !read_only
    }
}
