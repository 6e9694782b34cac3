//! Reasons for a refusal, with the evidence.

use core::fmt;

use crate::addr::{PhysAddr, VirtAddr};
use crate::area::MemoryArea;
use crate::area_error::AreaError;
use crate::attributes::MemoryType;
use crate::permissions::Permissions;

/// The reason why a verb refused, with the evidence. Unless the verb says otherwise, nothing has changed then.
///
/// Sizes and alignments are in bytes. Most variants are the caller's to mend. [`OutOfFrames`](Self::OutOfFrames) and
/// [`OutOfNodes`](Self::OutOfNodes) pass when there is memory again. [`Unfinished`](Self::Unfinished) passes with the
/// next verb that changes the layout.
///
/// ```
/// # use kernel_vm::{backend::mock::NoPageTable, *};
/// let mut space = VirtualMemoryManager::new(NoPageTable::new());
/// let page = MemoryArea::from_start_size(VirtAddr::new(0x1234), 0x1000)?;
/// let refused = space.unmap(page).unwrap_err();
/// assert_eq!(refused, MapError::Misaligned { addr: page.start(), align: 0x1000 });
/// assert_eq!(refused.to_string(), "virtual address 0x1234 is not a multiple of 0x1000");
/// # Ok::<(), MapError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// The numbers do not make an area.
    Area(AreaError),
    /// A virtual address that must be a multiple of the page size is not.
    Misaligned {
        /// The address.
        addr: VirtAddr,
        /// The bytes that it should be a multiple of.
        align: usize,
    },
    /// A physical address that must be a multiple of the page size is not.
    MisalignedPhys {
        /// The address.
        addr: PhysAddr,
        /// The bytes that it should be a multiple of.
        align: usize,
    },
    /// A size that must be a multiple of the page size is not.
    MisalignedSize {
        /// The size.
        size: usize,
        /// The bytes that it should be a multiple of.
        align: usize,
    },
    /// Virtual and physical area differ in size.
    SizesDiffer {
        /// Where the map would be.
        vmarea: MemoryArea,
        /// The physical memory that would back it.
        pmarea: MemoryArea<PhysAddr>,
    },
    /// The permissions have bits without a meaning.
    UnknownPermissions {
        /// The permissions, with those bits.
        permissions: Permissions,
    },
    /// The permissions allow writes but not reads: no page table can say that.
    WriteWithoutRead {
        /// The permissions.
        permissions: Permissions,
    },
    /// The backend's entries allow more than these permissions, or nothing.
    ///
    /// x86-64 and AArch64: what can be executed can be read.
    WidensPermissions {
        /// The permissions.
        permissions: Permissions,
    },
    /// The backend cannot encode the memory type.
    UnsupportedMemoryType {
        /// The memory type.
        memory_type: MemoryType,
    },
    /// The backend does not know the edit.
    ///
    /// [`Edit`](crate::backend::Edit) has more of them than when the backend was written.
    UnsupportedEdit,
    /// The area has addresses that the backend cannot map (as those that are not canonical).
    OutOfRange {
        /// The area that was asked for.
        area: MemoryArea,
    },
    /// The physical area has addresses that the backend's entries cannot hold.
    PhysOutOfRange {
        /// The area that was asked for.
        area: MemoryArea<PhysAddr>,
    },
    /// The area of a new map overlaps one that is there already.
    Overlap {
        /// Where the first such map is.
        existing: MemoryArea,
    },
    /// A part of the area has no map.
    NotMapped {
        /// The first hole, within the area.
        hole: MemoryArea,
    },
    /// A move would be to more bytes: the memory behind a physical map is not its own.
    CannotGrow {
        /// The area to move.
        old: MemoryArea,
        /// The larger one that was asked for.
        new: MemoryArea,
    },
    /// A move would be to a place that overlaps the old one and starts elsewhere.
    MovesOntoItself {
        /// The area to move.
        old: MemoryArea,
        /// Where it was to go.
        new: MemoryArea,
    },
    /// The frame allocator has fewer frames than the page table needs for the verb.
    OutOfFrames {
        /// How many frames the verb needs in all.
        needed: usize,
    },
    /// The page table was given a frame of another allocator than its own.
    ///
    /// The platform itself does so where it hands frames on without their allocator's [id](crate::FrameAllocator::id).
    ForeignFrame {
        /// Where the frame is, in that allocator's memory.
        addr: PhysAddr,
    },
    /// The frame of a page was to be replaced, and its allocator counts no references.
    ///
    /// Another CPU might be reading its bytes: without a count, nobody can tell.
    Uncounted {
        /// Where the frame is.
        addr: PhysAddr,
    },
    /// The page table that was to be shared as a kernel half is none.
    NotKernelHalf,
    /// A verb was ended by a panic, and entries in this area may disagree with the maps.
    ///
    /// A hook of the platform has panicked, or a payload. The next verb that changes the layout puts that right.
    Unfinished {
        /// Where entries may disagree.
        area: MemoryArea,
    },
    /// There is no memory for the nodes in which the maps are kept.
    OutOfNodes {
        /// How many spare nodes this step of the verb needs.
        needed: usize,
    },
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Area(error) => error.fmt(f),
            Self::Misaligned { addr, align } => {
                write!(f, "virtual address {addr} is not a multiple of {align:#x}")
            }
            Self::MisalignedPhys { addr, align } => {
                write!(f, "physical address {addr} is not a multiple of {align:#x}")
            }
            Self::MisalignedSize { size, align } => {
                write!(f, "size {size:#x} is not a multiple of {align:#x}")
            }
            Self::SizesDiffer { vmarea, pmarea } => {
                write!(
                    f,
                    "virtual area {vmarea} and physical area {pmarea} differ in size"
                )
            }
            Self::UnknownPermissions { permissions } => {
                write!(
                    f,
                    "permissions {:#x} have bits without a meaning",
                    permissions.bits()
                )
            }
            Self::WriteWithoutRead { permissions } => {
                write!(f, "permissions {permissions} allow writes but not reads")
            }
            Self::WidensPermissions { permissions } => {
                write!(f, "entries cannot allow {permissions} alone")
            }
            Self::UnsupportedMemoryType { memory_type } => {
                write!(f, "memory type {memory_type} cannot be encoded here")
            }
            Self::UnsupportedEdit => f.write_str("edit is not known to the page table"),
            Self::OutOfRange { area } => write!(f, "area {area} is not all mappable"),
            Self::PhysOutOfRange { area } => {
                write!(f, "physical area {area} does not fit in an entry")
            }
            Self::Overlap { existing } => write!(f, "area overlaps the map at {existing}"),
            Self::NotMapped { hole } => write!(f, "nothing is mapped at {hole}"),
            Self::CannotGrow { old, new } => write!(f, "map at {old} cannot grow to {new}"),
            Self::MovesOntoItself { old, new } => {
                write!(f, "area {old} cannot move onto itself at {new}")
            }
            Self::OutOfFrames { needed } => {
                write!(f, "out of frames: {needed} needed for the page table")
            }
            Self::Uncounted { addr } => {
                write!(f, "references to the frame at {addr} are not counted")
            }
            Self::ForeignFrame { addr } => {
                write!(f, "frame at {addr} is of another allocator")
            }
            Self::NotKernelHalf => f.write_str("page table is not a kernel half"),
            Self::Unfinished { area } => {
                write!(f, "a verb that changed {area} did not end")
            }
            Self::OutOfNodes { needed } => {
                write!(f, "out of nodes: {needed} needed for the maps")
            }
        }
    }
}

impl core::error::Error for MapError {}

impl From<AreaError> for MapError {
    fn from(error: AreaError) -> Self {
        Self::Area(error)
    }
}
