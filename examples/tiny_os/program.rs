//! The program: an ELF file that a linker made, and how its segments become maps.

use std::ops::Range;

use elf::abi::{PF_R, PF_W, PF_X, PT_LOAD};
use elf::{ElfBytes, endian::LittleEndian};
use kernel_vm::{FRAME_SIZE, MemoryArea, Permissions, VirtAddr, VirtualMemoryMap};

use crate::Result;
use crate::kernel::{Object, Space};

pub struct Program {
    elf: ElfBytes<'static, LittleEndian>,
    segments: Vec<Segment>,
}

struct Segment {
    start: usize,
    /// What the file has. Behind it, up to `end`, are zeroes: the BSS.
    bytes: &'static [u8],
    end: usize,
    permissions: Permissions,
}

pub fn area(range: Range<usize>) -> Result<MemoryArea> {
    Ok((VirtAddr::new(range.start)..VirtAddr::new(range.end)).try_into()?)
}

impl Program {
    pub fn parse(file: &'static [u8]) -> Result<Self> {
        let elf = ElfBytes::minimal_parse(file)?;
        let mut segments = Vec::new();
        for header in elf.segments().ok_or("no segments")? {
            if header.p_type != PT_LOAD {
                continue;
            }
            let mut permissions = Permissions::USER;
            permissions.set(Permissions::READ, header.p_flags & PF_R != 0);
            permissions.set(Permissions::WRITE, header.p_flags & PF_W != 0);
            permissions.set(Permissions::EXECUTE, header.p_flags & PF_X != 0);
            segments.push(Segment {
                start: usize::try_from(header.p_vaddr)?,
                bytes: elf.segment_data(&header)?,
                end: usize::try_from(header.p_vaddr + header.p_memsz)?,
                permissions,
            });
        }
        Ok(Self { elf, segments })
    }

    pub fn symbol(&self, name: &str) -> Result<usize> {
        let (symbols, names) = self.elf.symbol_table()?.ok_or("no symbols")?;
        let is_named = |at: u32| names.get(at as usize).is_ok_and(|found| found == name);
        let symbol = symbols.iter().find(|symbol| is_named(symbol.st_name));
        Ok(usize::try_from(symbol.ok_or("no such symbol")?.st_value)?)
    }

    /// Maps segment by segment. Nothing is read: pages come when they are touched.
    pub fn map_into(&self, space: &mut Space) -> Result<()> {
        for segment in &self.segments {
            let first = segment.start & !(FRAME_SIZE - 1);
            let second = first + FRAME_SIZE;
            let file_end = segment.start + segment.bytes.len();
            let filled = file_end.next_multiple_of(FRAME_SIZE).max(second);
            let end = segment.end.next_multiple_of(FRAME_SIZE);

            // The segment before may end in the page where this one begins. A page has one set of permissions, so it
            // gets those of both: what was constant can be written there. Code never can.
            let before = space.search_memory_map(VirtAddr::new(first));
            let before = before.map_or(Permissions::empty(), |map| map.permissions());
            let both = before | segment.permissions;
            if both.contains(Permissions::WRITE | Permissions::EXECUTE) {
                return Err("a page would be written and executed".into());
            }
            space.replace_memory_map(provided(first..second, both)?)?;
            if second < filled {
                space.add_memory_map(provided(second..filled, segment.permissions)?)?;
            }
            if filled < end {
                let bss = VirtualMemoryMap::anonymous(area(filled..end)?, segment.permissions)?;
                space.add_memory_map(bss.with_payload(Object::Bss))?;
            }
        }
        Ok(())
    }

    /// A page of the program: all that any segment has there, and zeroes beside.
    pub fn page(&self, start: usize) -> [u8; FRAME_SIZE] {
        let mut page = [0; FRAME_SIZE];
        for (at, byte) in self.bytes() {
            let place = at.checked_sub(start).and_then(|at| page.get_mut(at));
            place.into_iter().for_each(|place| *place = byte);
        }
        page
    }

    /// All that the file has for the memory, byte by byte, with addresses.
    pub fn bytes(&self) -> impl Iterator<Item = (usize, u8)> {
        let segments = self.segments.iter();
        segments.flat_map(|segment| (segment.start..).zip(segment.bytes.iter().copied()))
    }
}

/// A private map of the program. An offset in it is the address, so a page need not be one segment's.
fn provided(range: Range<usize>, permissions: Permissions) -> Result<VirtualMemoryMap<Object>> {
    let offset = range.start as u64;
    let map = VirtualMemoryMap::provided(area(range)?, offset, permissions, false)?;
    Ok(map.with_payload(Object::Program))
}
