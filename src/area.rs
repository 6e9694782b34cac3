//! A span of addresses, valid by construction.
//!
//! `end` is the last byte and not the one behind it: the last page of the address space has an area, too, and no sum
//! wraps around. The price is that an area cannot be empty; `Option<MemoryArea>` says so where one may be.

use core::fmt;
use core::ops::{Range, RangeInclusive};

use crate::addr::{Address, PhysAddr, VirtAddr};
use crate::area_error::AreaError;

/// A non-empty span of addresses, `start..=end`: `end` is the last byte, so the last page of the space has an area too.
///
/// The number of its bytes fits in `usize`; an area of all 2^64 bytes is refused, since no integer holds that size.
/// All methods are O(1), and none of them wraps around or panics.
///
/// ```
/// use kernel_vm::{MemoryArea, VirtAddr};
///
/// let last_page = MemoryArea::from_start_size(VirtAddr::new(usize::MAX - 0xfff), 0x1000)?;
/// assert_eq!(last_page.end(), VirtAddr::new(usize::MAX));
/// assert_eq!(last_page.next(), None); // nothing is behind it
/// # Ok::<(), kernel_vm::AreaError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MemoryArea<A = VirtAddr> {
    /// The first byte.
    start: A,
    /// The last byte: not below `start`, and less than `usize::MAX` bytes behind it.
    end: A,
}

impl<A: Copy> MemoryArea<A> {
    /// The address of the first byte.
    #[must_use]
    pub const fn start(self) -> A {
        self.start
    }

    /// The address of the last byte.
    #[must_use]
    pub const fn end(self) -> A {
        self.end
    }
}

impl<A: Address> MemoryArea<A> {
    /// The area from `start` to `end`, both included.
    ///
    /// ```
    /// # use kernel_vm::{AreaError, MemoryArea, VirtAddr};
    /// let area = MemoryArea::new(VirtAddr::new(0x1000), VirtAddr::new(0x1fff))?;
    /// assert_eq!(area.size(), 0x1000);
    /// let backwards = MemoryArea::new(VirtAddr::new(0x1000), VirtAddr::new(0xfff));
    /// assert_eq!(backwards, Err(AreaError::Backwards { start: 0x1000, end: 0xfff }));
    /// # Ok::<(), AreaError>(())
    /// ```
    ///
    /// # Errors
    /// - [`AreaError::Backwards`], when `end < start`;
    /// - [`AreaError::TooLarge`], when the size does not fit in `usize` (all 2^64 bytes as one).
    pub fn new(start: A, end: A) -> Result<Self, AreaError> {
        let (first, last) = (start.raw(), end.raw());
        let span = last.checked_sub(first).ok_or(AreaError::Backwards {
            start: first,
            end: last,
        })?;
        match usize::try_from(span)
            .ok()
            .and_then(|span| span.checked_add(1))
        {
            Some(_) => Ok(Self { start, end }),
            None => Err(AreaError::TooLarge {
                start: first,
                end: last,
            }),
        }
    }

    /// The area of `size` bytes from `start` on.
    ///
    /// ```
    /// # use kernel_vm::{AreaError, MemoryArea, PhysAddr};
    /// let frame = MemoryArea::from_start_size(PhysAddr::new(0x8020_0000), 0x1000)?;
    /// assert_eq!(frame.end(), PhysAddr::new(0x8020_0fff));
    /// assert!(MemoryArea::from_start_size(PhysAddr::new(0x8020_0000), 0).is_err());
    /// # Ok::<(), AreaError>(())
    /// ```
    ///
    /// # Errors
    /// - [`AreaError::Empty`], when `size` is 0;
    /// - [`AreaError::Overflow`], when the last byte would lie past the end of the space.
    pub fn from_start_size(start: A, size: usize) -> Result<Self, AreaError> {
        let span = size
            .checked_sub(1)
            .ok_or(AreaError::Empty { start: start.raw() })?;
        let end = start.raw().checked_add(span as u64).and_then(A::from_raw);
        end.map(|end| Self { start, end })
            .ok_or(AreaError::Overflow {
                start: start.raw(),
                size,
            })
    }

    /// The number of bytes in the area; at least 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "every constructor has checked that the size fits"
    )]
    pub fn size(self) -> usize {
        (self.end.raw() - self.start.raw()) as usize + 1
    }

    /// Whether `addr` lies in the area.
    #[must_use]
    pub fn contains(self, addr: A) -> bool {
        self.start <= addr && addr <= self.end
    }

    /// Whether all of `other` lies in the area.
    #[must_use]
    pub fn contains_area(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two areas have a byte in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    /// The bytes that both areas have, or `None` where they have none.
    ///
    /// ```
    /// # use kernel_vm::{AreaError, MemoryArea, VirtAddr};
    /// let area = |start, end| MemoryArea::new(VirtAddr::new(start), VirtAddr::new(end));
    /// let both = area(0x1000, 0x2fff)?.intersection(area(0x2000, 0x3fff)?);
    /// assert_eq!(both, Some(area(0x2000, 0x2fff)?));
    /// # Ok::<(), AreaError>(())
    /// ```
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        let (start, end) = (self.start.max(other.start), self.end.min(other.end));
        (start <= end).then_some(Self { start, end })
    }

    /// The address of the byte behind the last, or `None` at the end of the space.
    #[must_use]
    pub fn next(self) -> Option<A> {
        self.end.raw().checked_add(1).and_then(A::from_raw)
    }

    /// How many bytes `addr` lies behind the start, or `None` outside the area.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an offset inside the area is less than its size, which fits"
    )]
    pub fn offset_of(self, addr: A) -> Option<usize> {
        self.contains(addr)
            .then(|| (addr.raw() - self.start.raw()) as usize)
    }

    /// The address `offset` bytes behind the start, or `None` outside the area.
    #[must_use]
    pub fn at(self, offset: usize) -> Option<A> {
        let addr = self
            .start
            .raw()
            .checked_add(offset as u64)
            .and_then(A::from_raw)?;
        self.contains(addr).then_some(addr)
    }

    /// The first `offset` bytes and the rest, or `None` unless both have a byte.
    ///
    /// ```
    /// # use kernel_vm::{AreaError, MemoryArea, VirtAddr};
    /// let area = MemoryArea::from_start_size(VirtAddr::new(0x1000), 0x3000)?;
    /// let sizes = area.split_at(0x1000).map(|(left, right)| (left.size(), right.size()));
    /// assert_eq!(sizes, Some((0x1000, 0x2000)));
    /// assert_eq!(area.split_at(0x3000), None);
    /// # Ok::<(), AreaError>(())
    /// ```
    #[must_use]
    pub fn split_at(self, offset: usize) -> Option<(Self, Self)> {
        let left_end = self.at(offset.checked_sub(1)?)?;
        let right_start = self.at(offset)?;
        Some((
            Self {
                start: self.start,
                end: left_end,
            },
            Self {
                start: right_start,
                end: self.end,
            },
        ))
    }

    /// Whether start and size are multiples of `align` bytes. Nothing is a multiple of 0.
    #[must_use]
    pub fn is_aligned(self, align: usize) -> bool {
        align != 0 && self.start.raw() % align as u64 == 0 && self.size() % align == 0
    }
}

impl MemoryArea {
    /// The area from one constant to another. Where it is a constant itself, a mistake does not compile.
    pub(crate) const fn constant(start: usize, end: usize) -> Self {
        assert!(start <= end && end - start < usize::MAX, "not an area");
        Self {
            start: VirtAddr::new(start),
            end: VirtAddr::new(end),
        }
    }

    /// The area from `start` to `end`, which were those of an area before: nothing is checked.
    pub(crate) const fn bounds(start: usize, end: usize) -> Self {
        Self {
            start: VirtAddr::new(start),
            end: VirtAddr::new(end),
        }
    }

    /// The aligned block of `size` bytes, a power of two below 2^63, that holds `addr`.
    pub(crate) const fn block(addr: VirtAddr, size: usize) -> Self {
        let mask = size.wrapping_sub(1) & (usize::MAX >> 1);
        Self {
            start: VirtAddr::new(addr.get() & !mask),
            end: VirtAddr::new(addr.get() | mask),
        }
    }

    /// The area made wider, up to the borders of the blocks of `size` bytes, a power of two, that it has a byte in.
    ///
    /// Where that would be all of the space, which is no area, it stays as it is.
    pub(crate) fn widened(self, size: usize) -> Self {
        let (first, last) = (Self::block(self.start, size), Self::block(self.end, size));
        first.hull(last).unwrap_or(self)
    }

    /// The pieces of the area, cut at every multiple of `size` bytes, a power of two. O(1) a piece.
    pub(crate) fn blocks(self, size: usize) -> impl Iterator<Item = Block> {
        let mut rest = Some(self);
        core::iter::from_fn(move || {
            let area = rest?;
            let block = Self::block(area.start, size);
            rest = (block.end < area.end).then(|| Self {
                start: VirtAddr::new(block.end.get() + 1),
                ..area
            });
            Some(Block {
                block,
                piece: Self {
                    start: area.start,
                    end: area.end.min(block.end),
                },
            })
        })
    }

    /// The least area that holds both, gap and all.
    ///
    /// # Errors
    /// [`AreaError::TooLarge`], when that is all of the space.
    pub(crate) fn hull(self, other: Self) -> Result<Self, AreaError> {
        Self::new(self.start.min(other.start), self.end.max(other.end))
    }
}

impl MemoryArea<PhysAddr> {
    /// The area of all physical addresses of `bits` bits, fewer than 64.
    pub(crate) const fn low_bits(bits: u32) -> Self {
        Self {
            start: PhysAddr::new(0),
            end: PhysAddr::new(u64::MAX.wrapping_shr(64_u32.wrapping_sub(bits))),
        }
    }
}

/// A piece of an area, and the aligned block that it lies in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    /// The block: aligned to its size.
    pub(crate) block: MemoryArea,
    /// The part of it that the area has.
    pub(crate) piece: MemoryArea,
}

impl Block {
    /// Whether the piece is the whole block.
    pub(crate) fn is_whole(self) -> bool {
        self.block == self.piece
    }
}

impl<A: Address> fmt::Display for MemoryArea<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={}", self.start, self.end)
    }
}

impl<A: Address> fmt::Debug for MemoryArea<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryArea({self})")
    }
}

impl<A: Address> TryFrom<RangeInclusive<A>> for MemoryArea<A> {
    type Error = AreaError;

    /// Makes the area of these bytes, with the errors of [`MemoryArea::new`].
    fn try_from(range: RangeInclusive<A>) -> Result<Self, AreaError> {
        Self::new(*range.start(), *range.end())
    }
}

impl<A: Address> TryFrom<Range<A>> for MemoryArea<A> {
    type Error = AreaError;

    /// Makes the area of these bytes.
    ///
    /// # Errors
    /// - [`AreaError::Empty`] for an empty range, [`AreaError::Backwards`] for a backwards one;
    /// - [`AreaError::TooLarge`], when the size does not fit in `usize`.
    fn try_from(range: Range<A>) -> Result<Self, AreaError> {
        let (start, end) = (range.start.raw(), range.end.raw());
        let span = end
            .checked_sub(start)
            .ok_or(AreaError::Backwards { start, end })?;
        let size = usize::try_from(span).map_err(|_| AreaError::TooLarge { start, end })?;
        Self::from_start_size(range.start, size)
    }
}

impl<A> From<MemoryArea<A>> for RangeInclusive<A> {
    fn from(area: MemoryArea<A>) -> Self {
        area.start..=area.end
    }
}

impl<A: Address> TryFrom<MemoryArea<A>> for Range<A> {
    type Error = AreaError;

    /// Makes the range of these bytes.
    ///
    /// # Errors
    /// [`AreaError::NoExclusiveEnd`], when the area holds the last address of the space.
    fn try_from(area: MemoryArea<A>) -> Result<Self, AreaError> {
        let none = AreaError::NoExclusiveEnd {
            start: area.start.raw(),
            end: area.end.raw(),
        };
        area.next().map(|end| area.start..end).ok_or(none)
    }
}
