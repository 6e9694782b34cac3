//! A page table in print: every kind of entry, word for word.

use kernel_vm::backend::radix::{AccessedDirty, Features, Radix};
use kernel_vm::backend::{Edit, PageTableBackend};
use kernel_vm::{Access, Attributes, MemoryArea, MemoryType, Permissions, Retired, VirtAddr};

use super::shape::{
    ASID, GIB, MIB, NONE, READ, RW, Shape, access, ends, install, make, policy, run, table,
};
use super::witness::Witness;
use crate::subject::{PAGE, area};

on_every_format! {
    an_empty_table_is_one_line
    every_size_of_leaf_stands_in_its_level
    leaves_are_one_line_while_frames_and_attributes_go_on
    a_full_table_is_one_line
    memory_types_and_hidden_leaves_are_told
    owned_leaves_are_told
    use_is_told_where_somebody_tells_it
    leaves_that_were_used_differently_have_their_own_lines
    what_waits_for_its_flush_is_told_as_retired
    both_halves_are_printed_up_to_the_last_page
    a_kernel_half_tells_its_empty_tables_in_one_line
    a_space_tells_how_many_tables_of_the_kernel_half_it_shares
    printing_neither_edits_nor_flushes
    debug_is_short
    other_cpus_map_while_it_is_printed
}

/// What is printed, with `@` for where tables are.
fn printed<F: Shape>(table: &Radix<F, Witness>) -> String {
    let text = table.to_string();
    let lines = text.lines().map(|line| match line.split_once(" at 0x") {
        Some((kind, _)) => format!("{kind} at @\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The first line, and these, which are those of the first 512 GiB (of all there is in Sv39): in their places.
fn golden<F: Shape>(lines: &[&str]) -> String {
    let mut text = format!("page table of {} levels at @\n", F::DEPTH);
    let levels = (3..F::DEPTH).rev();
    levels.clone().for_each(|level| {
        let (indent, last) = (2 * (F::DEPTH - level), (PAGE << (9 * level)) - 1);
        text += &format!("{:indent$}0x0..={last:#x} table at @\n", "");
    });
    let indent = 2 * levels.count();
    for line in lines {
        text += &format!("{:indent$}{line}\n", "");
    }
    text
}

fn an_empty_table_is_one_line<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    let root = table.root();
    let levels = F::DEPTH;
    assert_eq!(
        table.to_string(),
        format!("page table of {levels} levels at {root}")
    );
}

fn every_size_of_leaf_stands_in_its_level<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let start = GIB - 2 * MIB - PAGE;
    let size = 2 * GIB + 4 * MIB + 2 * PAGE;
    let frames = 0x1_0000_0000 + start as u64;
    make(&mut table, Edit::Map(run(start, frames, size, RW)));
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x3fc00000..=0x3fdfffff table at @",
        "      0x3fdff000..=0x3fdfffff -> 0x13fdff000 rw-- normal, 1 leaf of 4 KiB",
        "    0x3fe00000..=0x3fffffff -> 0x13fe00000 rw-- normal, 1 leaf of 2 MiB",
        "  0x40000000..=0xbfffffff -> 0x140000000 rw-- normal, 2 leaves of 1 GiB",
        "  0xc0000000..=0xffffffff table at @",
        "    0xc0000000..=0xc01fffff -> 0x1c0000000 rw-- normal, 1 leaf of 2 MiB",
        "    0xc0200000..=0xc03fffff table at @",
        "      0xc0200000..=0xc0200fff -> 0x1c0200000 rw-- normal, 1 leaf of 4 KiB",
    ]);
    assert_eq!(printed(&table), lines);
}

fn leaves_are_one_line_while_frames_and_attributes_go_on<F: Shape>() {
    let user = READ | Permissions::USER;
    let mut table = table::<F>(AccessedDirty::Preset);
    let runs = [
        (0, 0x8000_1000, 4, RW),
        // Frames go on, permissions do not.
        (4, 0x8000_5000, 2, user),
        // Neither frames, up or down.
        (6, 0x8000_8000, 1, user),
        (7, 0x8000_7000, 1, user),
        // Frames go on, and pages do not.
        (9, 0x8000_8000, 1, user),
        (511, 0x8000_9000, 1, user),
    ];
    for (page, first, pages, permissions) in runs {
        let run = run(page * PAGE, first, pages * PAGE, permissions);
        make(&mut table, Edit::Map(run));
    }
    // Frames, pages and attributes go on, in the next table.
    make(&mut table, Edit::Map(run(2 * MIB, 0x8000_a000, PAGE, user)));
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff table at @",
        "      0x0..=0x3fff -> 0x80001000 rw-- normal, 4 leaves of 4 KiB",
        "      0x4000..=0x5fff -> 0x80005000 r--u normal, 2 leaves of 4 KiB",
        "      0x6000..=0x6fff -> 0x80008000 r--u normal, 1 leaf of 4 KiB",
        "      0x7000..=0x7fff -> 0x80007000 r--u normal, 1 leaf of 4 KiB",
        "      0x9000..=0x9fff -> 0x80008000 r--u normal, 1 leaf of 4 KiB",
        "      0x1ff000..=0x1fffff -> 0x80009000 r--u normal, 1 leaf of 4 KiB",
        "    0x200000..=0x3fffff table at @",
        "      0x200000..=0x200fff -> 0x8000a000 r--u normal, 1 leaf of 4 KiB",
    ]);
    assert_eq!(printed(&table), lines);
}

fn a_full_table_is_one_line<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    make(&mut table, Edit::Map(run(0, 0x1000, 2 * MIB, READ)));
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff table at @",
        "      0x0..=0x1fffff -> 0x1000 r--- normal, 512 leaves of 4 KiB",
    ]);
    assert_eq!(printed(&table), lines);
}

fn memory_types_and_hidden_leaves_are_told<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let types = [MemoryType::Device, MemoryType::NonCacheable];
    for (n, memory_type) in types.into_iter().enumerate() {
        let mut run = run(2 * n * MIB, 0x1000_0000, 2 * MIB, RW);
        run.attributes = Attributes::new(RW, memory_type);
        make(&mut table, Edit::Map(run));
    }
    let code = READ | Permissions::EXECUTE;
    make(&mut table, Edit::Map(run(GIB, 0x4000_0000, GIB, code)));
    for (start, permissions) in [(0, NONE), (GIB, Permissions::USER)] {
        make(&mut table, Edit::Protect(area(start, 2 * MIB), permissions));
    }
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff -> 0x10000000 ---- device, 1 leaf of 2 MiB, hidden",
        "    0x200000..=0x3fffff -> 0x10000000 rw-- non-cacheable, 1 leaf of 2 MiB",
        "  0x40000000..=0x7fffffff table at @",
        "    0x40000000..=0x401fffff -> 0x40000000 ---u normal, 1 leaf of 2 MiB, hidden",
        "    0x40200000..=0x7fffffff -> 0x40200000 r-x- normal, 511 leaves of 2 MiB",
    ]);
    assert_eq!(printed(&table), lines);
}

fn owned_leaves_are_told<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let frame = install(&table, 0, RW).get();
    // The frame behind it, and not the page table's own.
    make(
        &mut table,
        Edit::Map(run(PAGE, frame + PAGE as u64, PAGE, RW)),
    );
    let hidden = install(&table, 2 * PAGE, RW).get();
    make(&mut table, Edit::Protect(area(2 * PAGE, PAGE), NONE));
    let behind = frame + PAGE as u64;
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff table at @",
        &format!("      0x0..=0xfff -> {frame:#x} rw-- normal, 1 leaf of 4 KiB, owned"),
        &format!("      0x1000..=0x1fff -> {behind:#x} rw-- normal, 1 leaf of 4 KiB"),
        &format!(
            "      0x2000..=0x2fff -> {hidden:#x} ---- normal, 1 leaf of 4 KiB, owned, hidden"
        ),
    ]);
    assert_eq!(printed(&table), lines);
}

fn use_is_told_where_somebody_tells_it<F: Shape>() {
    for (policy, marks) in [
        (AccessedDirty::Preset, ""),
        (AccessedDirty::Hardware, ", accessed, dirty"),
        (AccessedDirty::Software, ", accessed, dirty"),
    ] {
        let mut table = table::<F>(policy);
        make(&mut table, Edit::Map(run(0, 0x4000_0000, GIB, RW)));
        access(&table, 0, Access::Write);
        let line = format!("  0x0..=0x3fffffff -> 0x40000000 rw-- normal, 1 leaf of 1 GiB{marks}");
        assert_eq!(printed(&table), golden::<F>(&[&line]), "{policy:?}");
    }
}

fn leaves_that_were_used_differently_have_their_own_lines<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    make(&mut table, Edit::Map(run(0, 0x1000, 6 * PAGE, RW)));
    let uses = [(2, Access::Read), (3, Access::Read), (4, Access::Write)];
    for (page, how) in uses {
        access(&table, page * PAGE, how);
    }
    let lines = golden::<F>(&[
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff table at @",
        "      0x0..=0x1fff -> 0x1000 rw-- normal, 2 leaves of 4 KiB",
        "      0x2000..=0x3fff -> 0x3000 rw-- normal, 2 leaves of 4 KiB, accessed",
        "      0x4000..=0x4fff -> 0x5000 rw-- normal, 1 leaf of 4 KiB, accessed, dirty",
        "      0x5000..=0x5fff -> 0x6000 rw-- normal, 1 leaf of 4 KiB",
    ]);
    assert_eq!(printed(&table), lines);
}

fn what_waits_for_its_flush_is_told_as_retired<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let frame = install(&table, 0, RW).get();
    for start in [PAGE, 2 * MIB, 4 * MIB] {
        make(&mut table, Edit::Map(run(start, 0x1000, PAGE, RW)));
    }
    let mut out = Retired::new();
    for area in [area(0, PAGE), area(2 * MIB, 4 * MIB)] {
        let mut reserved = table.reserve([Edit::Unmap(area)].into_iter()).unwrap();
        table.unmap(area, &mut reserved, &mut out);
        table.unreserve(reserved);
    }
    let (top, bottom) = (
        "  0x0..=0x3fffffff table at @",
        "    0x0..=0x1fffff table at @",
    );
    let stays = "      0x1000..=0x1fff -> 0x1000 rw-- normal, 1 leaf of 4 KiB";
    let lines = golden::<F>(&[
        top,
        bottom,
        &format!("      0x0..=0xfff -> {frame:#x} retired, 1 leaf of 4 KiB, owned"),
        stays,
        "    0x200000..=0x5fffff 2 retired tables",
    ]);
    assert_eq!(printed(&table), lines);
    table.retire(out, ASID);
    assert_eq!(printed(&table), golden::<F>(&[top, bottom, stays]));
}

/// The last lines, without what is before them.
fn tail<F: Shape>(table: &Radix<F, Witness>, count: usize) -> Vec<String> {
    let text = printed(table);
    let lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
    lines[lines.len() - count..].to_vec()
}

fn both_halves_are_printed_up_to_the_last_page<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Preset);
    let ends = ends::<F>();
    let mut lines = Vec::new();
    for &start in &ends {
        make(&mut table, Edit::Map(run(start, 0x5000, PAGE, RW)));
        let page = area(start, PAGE);
        lines.push(format!("{page} -> 0x5000 rw-- normal, 1 leaf of 4 KiB"));
    }
    let text = printed(&table);
    let leaves: Vec<_> = text.lines().filter(|line| line.contains("->")).collect();
    assert_eq!(leaves.len(), ends.len(), "{text}");
    let is_in_its_level = |line: &&str| line.find("0x") == Some(2 * F::DEPTH);
    assert!(leaves.iter().all(is_in_its_level), "{text}");
    assert_eq!(
        leaves.iter().map(|line| line.trim()).collect::<Vec<_>>(),
        lines
    );
}

/// The last four entries of the root.
fn upper<F: Shape>() -> MemoryArea {
    let span = PAGE << (9 * (F::DEPTH - 1));
    area(usize::MAX - (4 * span - 1), 4 * span)
}

fn kernel<F: Shape>() -> Radix<F, Witness> {
    let features = policy(AccessedDirty::Preset);
    Radix::kernel(Witness::new(64), features, upper::<F>()).unwrap()
}

fn a_kernel_half_tells_its_empty_tables_in_one_line<F: Shape>() {
    let mut kernel = kernel::<F>();
    let header = format!("page table of {} levels at @\n", F::DEPTH);
    let empty = format!("{header}  {} 4 empty tables\n", upper::<F>());
    assert_eq!(printed(&kernel), empty);
    let last = usize::MAX - 0xfff;
    make(&mut kernel, Edit::Map(run(last, 0x1000, PAGE, RW)));
    let leaf =
        "0xfffffffffffff000..=0xffffffffffffffff -> 0x1000 rw-- normal, 1 leaf of 4 KiB, global";
    assert_eq!(tail(&kernel, 1), [leaf]);
    let span = upper::<F>().size() / 4;
    let others = area(upper::<F>().start().get(), 3 * span);
    let start = format!("{header}  {others} 3 empty tables\n");
    assert!(printed(&kernel).starts_with(&start), "{kernel}");
    make(&mut kernel, Edit::Unmap(upper::<F>()));
    assert_eq!(printed(&kernel), empty);
}

fn a_space_tells_how_many_tables_of_the_kernel_half_it_shares<F: Shape>() {
    let mut kernel = kernel::<F>();
    make(
        &mut kernel,
        Edit::Map(run(usize::MAX - 0xfff, 0x1000, PAGE, RW)),
    );
    let mut space = Radix::<F, Witness>::with_kernel(Witness::new(64), &kernel).unwrap();
    make(&mut space, Edit::Map(run(0, 0, GIB, RW)));
    let tables = format!("{} 4 kernel tables", upper::<F>());
    let leaf = "0x0..=0x3fffffff -> 0x0 rw-- normal, 1 leaf of 1 GiB";
    if F::TWO_ROOTS {
        assert_eq!(tail(&space, 1), [leaf], "it shares none");
    } else {
        assert_eq!(tail(&space, 2), [leaf.to_owned(), tables]);
    }
}

fn printing_neither_edits_nor_flushes<F: Shape>() {
    let mut table = table::<F>(AccessedDirty::Hardware);
    make(&mut table, Edit::Map(run(0, 0x1000, 4 * MIB, RW)));
    install(&table, 3 * GIB, RW);
    let (frames, _) = (table.platform().in_use(), table.platform().take());
    let text = table.to_string();
    assert_eq!(table.platform().take(), []);
    assert_eq!(table.platform().in_use(), frames);
    assert_eq!(table.to_string(), text);
    table.check_invariants().unwrap();
}

fn debug_is_short<F: Shape>() {
    let table = Radix::<F, _>::with_features(Witness::new(8), Features::new()).unwrap();
    let (root, levels) = (table.root(), F::DEPTH);
    assert_eq!(
        format!("{table:?}"),
        format!("Radix {{ root: {root:?}, levels: {levels}, .. }}")
    );
}

fn other_cpus_map_while_it_is_printed<F: Shape>() {
    let table = table::<F>(AccessedDirty::Preset);
    std::thread::scope(|scope| {
        let mapping = scope.spawn(|| {
            for page in 0..128 {
                install(&table, page * 3 * PAGE, RW);
            }
        });
        while !mapping.is_finished() {
            let text = table.to_string();
            let leaves = text.lines().filter(|line| line.contains("->"));
            for line in leaves {
                assert!(
                    line.ends_with("rw-- normal, 1 leaf of 4 KiB, owned"),
                    "{text}"
                );
            }
        }
    });
    let leaves = table.to_string().matches("1 leaf of 4 KiB").count();
    assert_eq!(leaves, 128);
    assert!(table.translate(VirtAddr::new(127 * 3 * PAGE)).is_some());
}
