//! Addresses, areas, permissions, maps and errors.

mod debug;
mod errors;
mod maps;

use std::ops::{Range, RangeInclusive};

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::backend::sv39::Sv39;
use kernel_vm::{
    Access, AreaError, Asid, MapError, MapRef, MemoryArea, MemoryType, Permissions, PhysAddr,
    VirtAddr, VirtualMemoryManager, VirtualMemoryMap,
};
use proptest::prelude::*;

use crate::subject::PAGE;

const fn virt(addr: usize) -> VirtAddr {
    VirtAddr::new(addr)
}

fn phys(start: u64, size: usize) -> MemoryArea<PhysAddr> {
    MemoryArea::from_start_size(PhysAddr::new(start), size).unwrap()
}

#[test]
fn addresses_are_constants_print_in_hexadecimal_and_never_wrap() {
    const ADDR: VirtAddr = VirtAddr::new(0x1fff);
    assert_eq!(
        (ADDR.to_string(), format!("{ADDR:?}")),
        ("0x1fff".into(), "VirtAddr(0x1fff)".into())
    );
    assert_eq!(Asid::new(300).to_string(), "300");
    let phys = PhysAddr::new(u64::MAX - 1);
    assert_eq!(
        (phys.to_string(), format!("{phys:?}")),
        (
            "0xfffffffffffffffe".into(),
            "PhysAddr(0xfffffffffffffffe)".into()
        )
    );
    assert_eq!(
        (phys.checked_add(1), phys.checked_add(2)),
        (Some(PhysAddr::new(u64::MAX)), None)
    );
    assert_eq!(
        (virt(usize::MAX).checked_add(1), virt(0).checked_sub(1)),
        (None, None)
    );
    assert_eq!(
        (
            PhysAddr::new(0).checked_sub(1),
            PhysAddr::new(7).checked_sub(7)
        ),
        (None, Some(PhysAddr::new(0)))
    );
}

#[test]
fn addresses_align_to_powers_of_two_only() {
    assert_eq!(
        (virt(0x1fff).align_down(PAGE), virt(0x1001).align_up(PAGE)),
        (Some(virt(0x1000)), Some(virt(0x2000)))
    );
    assert_eq!(
        (virt(0x2000).align_up(PAGE), virt(usize::MAX).align_up(PAGE)),
        (Some(virt(0x2000)), None)
    );
    assert_eq!(
        (
            virt(5).align_up(3),
            virt(5).align_down(0),
            PhysAddr::new(5).align_up(0)
        ),
        (None, None, None)
    );
    let physical = [0x1fff, 0x2000, 0x2001, u64::MAX].map(|addr| {
        let addr = PhysAddr::new(addr);
        let aligned = [addr.align_down(PAGE), addr.align_up(PAGE)];
        aligned.map(|addr| addr.map(PhysAddr::get))
    });
    assert_eq!(
        physical,
        [
            [Some(0x1000), Some(0x2000)],
            [Some(0x2000), Some(0x2000)],
            [Some(0x2000), Some(0x3000)],
            [Some(u64::MAX - 0xfff), None],
        ]
    );
    assert!(
        virt(0x2000).is_aligned(PAGE) && !virt(0x2001).is_aligned(PAGE) && !virt(0).is_aligned(0)
    );
}

#[test]
fn an_area_is_refused_when_it_is_backwards_empty_or_all_there_is() {
    assert_eq!(
        MemoryArea::new(virt(2), virt(1)),
        Err(AreaError::Backwards { start: 2, end: 1 })
    );
    assert_eq!(
        MemoryArea::new(virt(0), virt(usize::MAX)),
        Err(AreaError::TooLarge {
            start: 0,
            end: u64::MAX
        })
    );
    assert_eq!(
        MemoryArea::from_start_size(virt(5), 0),
        Err(AreaError::Empty { start: 5 })
    );
    let overflow = MemoryArea::from_start_size(virt(usize::MAX), 2);
    assert_eq!(
        overflow,
        Err(AreaError::Overflow {
            start: u64::MAX,
            size: 2
        })
    );
    assert!(MemoryArea::new(PhysAddr::new(0), PhysAddr::new(u64::MAX)).is_err());
    assert!(MemoryArea::from_start_size(PhysAddr::new(u64::MAX), 2).is_err());
}

#[test]
fn an_area_reaches_the_last_byte_of_the_space() {
    let top = MemoryArea::new(virt(1), virt(usize::MAX)).unwrap();
    assert_eq!(
        (top.size(), top.next(), top.contains(virt(usize::MAX))),
        (usize::MAX, None, true)
    );
    assert_eq!(MemoryArea::from_start_size(virt(1), usize::MAX), Ok(top));
    assert_eq!(MemoryArea::new(virt(7), virt(7)).unwrap().size(), 1);
}

#[test]
fn areas_convert_from_and_to_ranges() {
    let range = virt(0x1000)..virt(0x3000);
    let area = MemoryArea::try_from(range.clone()).unwrap();
    assert_eq!((area.start(), area.end()), (virt(0x1000), virt(0x2fff)));
    assert_eq!(MemoryArea::try_from(virt(0x1000)..=virt(0x2fff)), Ok(area));
    assert_eq!(Range::try_from(area), Ok(range));
    assert_eq!(RangeInclusive::from(area), virt(0x1000)..=virt(0x2fff));
    assert_eq!(
        MemoryArea::try_from(virt(5)..virt(5)),
        Err(AreaError::Empty { start: 5 })
    );
    assert_eq!(
        MemoryArea::try_from(virt(5)..virt(4)),
        Err(AreaError::Backwards { start: 5, end: 4 })
    );
    let top = MemoryArea::new(virt(5), virt(usize::MAX)).unwrap();
    assert_eq!(
        Range::try_from(top),
        Err(AreaError::NoExclusiveEnd {
            start: 5,
            end: u64::MAX
        })
    );
    assert!(MemoryArea::try_from(PhysAddr::new(1)..PhysAddr::new(2)).is_ok());
}

#[test]
fn permissions_have_the_numbers_that_kernels_know() {
    use Permissions as P;
    assert_eq!(
        [P::READ, P::WRITE, P::EXECUTE, P::USER].map(|bit| bit.bits()),
        [1, 2, 4, 8]
    );
    assert_eq!((P::READ | P::EXECUTE).to_string(), "r-x-");
    assert!(
        P::READ.allow(Access::Read)
            && !P::READ.allow(Access::Write)
            && P::EXECUTE.allow(Access::Execute)
    );
    assert!(!P::USER.allow_any() && !P::empty().allow_any() && P::EXECUTE.allow_any());
}

#[test]
fn values_are_copy_and_comparable() {
    fn check<V: Copy + Eq + std::fmt::Debug + Send + Sync>() {}
    check::<VirtAddr>();
    check::<PhysAddr>();
    check::<MemoryArea>();
    check::<MemoryArea<PhysAddr>>();
    check::<Permissions>();
    check::<Access>();
    check::<Asid>();
    check::<MemoryType>();
    check::<MapError>();
}

#[test]
fn a_manager_is_send_and_sync_where_its_parts_are() {
    fn check<S: Send + Sync>() {}
    check::<VirtualMemoryManager<Sv39<HostFrames>>>();
    check::<VirtualMemoryManager<MockBackend>>();
    check::<VirtualMemoryMap>();
    check::<MapRef<'_>>();
}

proptest! {
    #[test]
    fn no_area_panics_or_lies(start: usize, other: usize, size: usize, probe: usize) {
        let areas = [
            MemoryArea::new(virt(start), virt(other)),
            MemoryArea::from_start_size(virt(start), size),
            MemoryArea::try_from(virt(start)..virt(other)),
        ];
        for area in areas.into_iter().flatten() {
            let (first, last) = (area.start().get() as u128, area.end().get() as u128);
            prop_assert_eq!(area.size() as u128, last - first + 1);
            prop_assert_eq!(area.contains(virt(probe)), first <= probe as u128 && probe as u128 <= last);
            prop_assert_eq!(area.offset_of(virt(probe)), area.contains(virt(probe)).then(|| probe.wrapping_sub(start)));
            prop_assert_eq!(MemoryArea::from_start_size(area.start(), area.size()), Ok(area));
            match area.split_at(size) {
                Some((left, right)) => prop_assert!(left.size() == size && left.next() == Some(right.start())),
                None => prop_assert!(size == 0 || size >= area.size()),
            }
        }
    }
}
