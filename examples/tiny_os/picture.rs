//! Spaces in text: a line for each map, a letter for each page.

use kernel_vm::backend::{Entry, PageTableBackend};
use kernel_vm::{FRAME_SIZE, FrameAllocator, MapRef, Permissions, VirtAddr};

use crate::kernel::{Object, Process, Space};

pub const LEGEND: &str = "\
Pages:  .  not there           c  copy-on-write: the next write copies
        r  read only           u  nobody else has it any more: the next write reuses it
        W  private, writable   s  shared memory";

/// Draws processes side by side. Each has the maps of the first.
pub fn draw(processes: &[&Process]) {
    let first = processes.iter().take(1);
    for map in first.flat_map(|process| process.space.memory_maps()) {
        let (area, object) = (map.vmarea(), format!("{:?}", map.payload()));
        let mut line = format!("    {} {} {object:7}", area.start(), map.permissions());
        for process in processes {
            let pages = (area.start().get()..=area.end().get()).step_by(FRAME_SIZE);
            let letters = pages.map(|page| letter(&process.space, map, VirtAddr::new(page)));
            let letters = format!("[{}]", letters.collect::<String>());
            line += &format!("  {} {letters:6}", process.name);
        }
        println!("{}", line.trim_end());
    }
}

fn letter(space: &Space, map: MapRef<'_, Object>, page: VirtAddr) -> char {
    let Entry::Leaf(leaf) = space.backend().entry(page) else {
        return '.';
    };
    let is_unique = space.backend().platform().is_unique(leaf.first);
    let may_write = leaf.attributes.permissions.contains(Permissions::WRITE);
    match map.permissions().contains(Permissions::WRITE) {
        _ if map.is_shared() => 's',
        false => 'r',
        true if may_write => 'W',
        true if is_unique => 'u',
        true => 'c',
    }
}
