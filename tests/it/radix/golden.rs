//! Golden words: every field of RISC-V's formats, as the manual has it ('Sv39', 'Sv48' and 'Sv57: Page-Based ...
//! Virtual-Memory System', 'Svpbmt'), read from the frames themselves.

use kernel_vm::backend::Paging;
use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, Entry, PageTableBackend, Run};
use kernel_vm::{Access, Attributes, MapError, MemoryType, Permissions, PhysAddr, VirtAddr};

use super::shape::{
    ASID, GIB, MIB, NONE, READ, RW, Shape, access, install, last, make, policy, run, table, walk,
};
use super::witness::Witness;
use crate::subject::{PAGE, area};

on_riscv! {
    pointers_say_where_the_next_table_is_and_that_they_are_valid
    leaves_stand_in_the_level_of_their_size
    permissions_are_bits_1_to_4_at_every_level
    accessed_and_dirty_are_preset_or_left_to_who_sets_them
    setting_accessed_sets_what_the_access_wants_and_no_more
    hidden_leaves_are_not_valid_and_come_back_word_for_word
    memory_types_are_bits_61_and_62
    memory_types_are_refused_where_the_machine_has_none
    leaves_of_the_kernel_half_are_global_and_pointers_are_not
    the_ends_of_both_halves_have_the_first_and_the_last_words
    the_highest_page_number_fills_bits_10_to_53
    owned_leaves_and_their_pointers_use_a_bit_that_is_softwares
}

const SIZES: [usize; 3] = [PAGE, 2 * MIB, GIB];

/// The words on the way to one leaf of this size, at its own address and over.
fn words_of<F: Shape>(size: usize, first: u64, permissions: Permissions) -> Vec<u64> {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(size, first, size, permissions)));
    walk(&table, size)
}

fn pointers_say_where_the_next_table_is_and_that_they_are_valid<F: Shape>() {
    let words = words_of::<F>(PAGE, 0x8000_1000, READ);
    assert_eq!(words.len(), F::DEPTH);
    for pointer in &words[..F::DEPTH - 1] {
        assert_eq!(pointer & !(((1 << 44) - 1) << 10), 1, "{words:x?}");
    }
}

fn leaves_stand_in_the_level_of_their_size<F: Shape>() {
    for (level, size) in SIZES.into_iter().enumerate() {
        let words = words_of::<F>(size, 0x1_4000_0000, RW);
        assert_eq!(words.len(), F::DEPTH - level);
        assert_eq!(words.last(), Some(&0x5000_00c7));
    }
}

fn permissions_are_bits_1_to_4_at_every_level<F: Shape>() {
    use Permissions as P;
    let golden = [
        (P::READ, 0xc3),
        (P::READ | P::WRITE, 0xc7),
        (P::EXECUTE, 0xc9),
        (P::READ | P::EXECUTE, 0xcb),
        (P::READ | P::WRITE | P::EXECUTE, 0xcf),
        (P::READ | P::USER, 0xd3),
        (P::READ | P::WRITE | P::USER, 0xd7),
        (P::EXECUTE | P::USER, 0xd9),
        (P::READ | P::EXECUTE | P::USER, 0xdb),
        (P::all(), 0xdf),
    ];
    for (size, (permissions, low)) in SIZES
        .into_iter()
        .flat_map(|size| golden.map(|golden| (size, golden)))
    {
        let words = words_of::<F>(size, 0xc000_0000, permissions);
        assert_eq!(words.last(), Some(&(0x3000_0000 | low)), "{permissions}");
        let mut table = table::<F>(AccessedDirty::Preset);
        make(&mut table, Edit::Map(run(size, 0xc000_0000, size, RW)));
        make(&mut table, Edit::Protect(area(size, size), permissions));
        assert_eq!(last(&table, size), 0x3000_0000 | low, "after a protect");
    }
}

fn accessed_and_dirty_are_preset_or_left_to_who_sets_them<F: Shape>() {
    let golden = [
        (AccessedDirty::Preset, 0xc7),
        (AccessedDirty::Hardware, 0x07),
        (AccessedDirty::Software, 0x07),
    ];
    for (size, (policy, low)) in SIZES
        .into_iter()
        .flat_map(|size| golden.map(|golden| (size, golden)))
    {
        let mut table = table::<F>(policy);
        make(&mut table, Edit::Map(run(size, 0xc000_0000, size, RW)));
        assert_eq!(last(&table, size), 0x3000_0000 | low, "{policy:?}");
        let page = 2 * GIB;
        let frame = install(&table, page, RW).get();
        assert_eq!(last(&table, page), frame >> 2 | low | 1 << 8, "{policy:?}");
    }
}

fn setting_accessed_sets_what_the_access_wants_and_no_more<F: Shape>() {
    for (size, access, low) in SIZES.into_iter().flat_map(|size| {
        [
            (size, Access::Read, 0x4f),
            (size, Access::Execute, 0x4f),
            (size, Access::Write, 0xcf),
        ]
    }) {
        let mut table = table::<F>(AccessedDirty::Software);
        let all = RW | Permissions::EXECUTE;
        make(&mut table, Edit::Map(run(size, 0xc000_0000, size, all)));
        table.touch(VirtAddr::new(2 * size - 1), access).unwrap();
        assert_eq!(last(&table, size), 0x3000_0000 | low, "{access:?}");
    }
}

fn hidden_leaves_are_not_valid_and_come_back_word_for_word<F: Shape>() {
    for (size, nothing) in SIZES
        .into_iter()
        .flat_map(|size| [NONE, Permissions::USER].map(|nothing| (size, nothing)))
    {
        let mut table = table::<F>(AccessedDirty::Hardware);
        let mut device = run(size, 0xc000_0000, size, RW);
        device.attributes.memory_type = MemoryType::Device;
        make(&mut table, Edit::Map(device));
        access(&table, size, Access::Read);
        let before = last(&table, size);
        make(&mut table, Edit::Protect(device.area, nothing));
        assert_eq!(last(&table, size) & 1, 0, "valid");
        let hidden = Attributes::new(nothing, MemoryType::Device);
        let entry = Entry::Hidden(Run {
            attributes: hidden,
            ..device
        });
        assert_eq!(table.entry(VirtAddr::new(size)), entry);
        assert_eq!(table.translate(VirtAddr::new(size)), None);
        make(&mut table, Edit::Protect(device.area, RW));
        assert_eq!(last(&table, size), before);
    }
}

fn memory_types_are_bits_61_and_62<F: Shape>() {
    let golden = [
        (MemoryType::Normal, 0),
        (MemoryType::NonCacheable, 1 << 61),
        (MemoryType::Device, 2 << 61),
    ];
    for (size, (memory_type, high)) in SIZES
        .into_iter()
        .flat_map(|size| golden.map(|golden| (size, golden)))
    {
        let mut table = table::<F>(AccessedDirty::Preset);
        let mut run = run(size, 0xc000_0000, size, RW);
        run.attributes.memory_type = memory_type;
        make(&mut table, Edit::Map(run));
        assert_eq!(last(&table, size), 0x3000_00c7 | high, "{memory_type}");
        assert_eq!(table.entry(run.area.start()), Entry::Leaf(run));
        make(&mut table, Edit::Protect(run.area, READ));
        assert_eq!(last(&table, size), 0x3000_00c3 | high, "{memory_type}");
    }
}

fn memory_types_are_refused_where_the_machine_has_none<F: Shape>() {
    let mut table = Radix::<F, _>::new(Witness::new(8)).unwrap();
    assert_eq!(table.features(), Features::default());
    for memory_type in [MemoryType::NonCacheable, MemoryType::Device] {
        let mut run = run(PAGE, 0x1000, PAGE, RW);
        run.attributes.memory_type = memory_type;
        assert_eq!(
            table.edit(Edit::Map(run), ASID),
            Err(MapError::UnsupportedMemoryType { memory_type })
        );
    }
    assert_eq!(table.platform().in_use(), 1);
}

fn leaves_of_the_kernel_half_are_global_and_pointers_are_not<F: Shape>() {
    let upper = area(F::FIRST_HIGH, 4 * GIB);
    let platform = Witness::new(64);
    let mut kernel =
        Radix::<F, _>::kernel(platform, policy(AccessedDirty::Hardware), upper).unwrap();
    for (size, first) in [(PAGE, 0x1000), (2 * MIB, 0x20_0000)] {
        let start = F::FIRST_HIGH + size;
        make(&mut kernel, Edit::Map(run(start, first, size, RW)));
        let words = walk(&kernel, start);
        let (leaf, pointers) = words.split_last().unwrap();
        assert_eq!(*leaf, first >> 2 | 0x27);
        assert!(pointers.iter().all(|word| word & 0x3ff == 1), "{words:x?}");
    }
    make(
        &mut kernel,
        Edit::Protect(area(F::FIRST_HIGH + PAGE, PAGE), NONE),
    );
    make(
        &mut kernel,
        Edit::Protect(area(F::FIRST_HIGH + PAGE, PAGE), READ),
    );
    assert_eq!(last(&kernel, F::FIRST_HIGH + PAGE), 0x423);
    // A split keeps it.
    make(
        &mut kernel,
        Edit::Unmap(area(F::FIRST_HIGH + 2 * MIB, PAGE)),
    );
    assert_eq!(last(&kernel, F::FIRST_HIGH + 2 * MIB + PAGE), 0x8_0427);
}

fn the_ends_of_both_halves_have_the_first_and_the_last_words<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let ends = [0, F::LAST_LOW - 0xfff, F::FIRST_HIGH, usize::MAX - 0xfff];
    for (index, start) in ends.into_iter().enumerate() {
        let first = 0x1000 * (index as u64 + 1);
        make(&mut table, Edit::Map(run(start, first, PAGE, READ)));
        assert_eq!(last(&table, start), first >> 2 | 0xc3);
        assert_eq!(walk(&table, start).len(), F::DEPTH);
        let addr = VirtAddr::new(start + 0xfff);
        assert_eq!(table.translate(addr), Some(PhysAddr::new(first + 0xfff)));
    }
    // The root's words: the first and the last of the lower half, and of the upper.
    let words = [0, 255, 256, 511].map(|index| {
        let at = PhysAddr::new(table.root().get() + 8 * index);
        super::shape::word(table.platform(), at)
    });
    assert!(words.iter().all(|word| word & 0x3ff == 1), "{words:x?}");
    table.check_invariants().unwrap();
}

fn the_highest_page_number_fills_bits_10_to_53<F: Shape>() {
    let golden = [
        0x003f_ffff_ffff_fcc3,
        0x003f_ffff_fff8_00c3,
        0x003f_ffff_f000_00c3,
    ];
    for (size, word) in SIZES.into_iter().zip(golden) {
        let words = words_of::<F>(size, (1 << 56) - size as u64, READ);
        assert_eq!(words.last(), Some(&word), "{:x}", words.last().unwrap());
    }
}

fn owned_leaves_and_their_pointers_use_a_bit_that_is_softwares<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    let frame = install(&table, PAGE, RW).get();
    let words = walk(&table, PAGE);
    let rsw = 3 << 8;
    let (leaf, pointers) = words.split_last().unwrap();
    assert_eq!(leaf & !rsw, frame >> 2 | 0xc7);
    assert!(pointers.iter().all(|word| word & 0x3ff & !rsw == 1));
}
