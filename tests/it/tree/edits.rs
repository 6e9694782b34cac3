//! Random edits of many maps, against a model of pages.
//!
//! The model is an array with an entry for each page. It knows nothing of maps: the maps that it must have are put
//! together from its pages, everything joined that can be. So it can share no mistake with the tree.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Permissions, VirtualMemoryManager, VirtualMemoryMap};

use super::look::look;
use crate::subject::{PAGE, map, pages};

/// Marsaglia's xorshift64*: numbers that are the same in each run. The state is not 0.
pub struct Random(pub u64);

impl Random {
    /// The next number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % limit
    }
}

/// A space whose page table does nothing: the tree is all there is to go wrong.
pub type Space = VirtualMemoryManager<NoPageTable>;

pub const READ: Permissions = Permissions::READ;
pub const RW: Permissions = READ.union(Permissions::WRITE);

/// A page of the model: the number of its frame, and whether it may be written. `None` where no map is.
pub type Page = Option<(u64, bool)>;

/// An edit, by pages: those from `first` on, `count` of them.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Maps the pages to frames from `frame` on, and replaces the maps that were there.
    Replace {
        first: usize,
        count: usize,
        frame: u64,
    },
    /// Removes the pages.
    Unmap { first: usize, count: usize },
    /// Makes the pages writable or read-only. Refused where one of them is not mapped.
    Protect {
        first: usize,
        count: usize,
        write: bool,
    },
    /// Makes the pages read-only, those that are mapped.
    Restrict { first: usize, count: usize },
    /// Moves the pages from `old` on to `new`. Refused where one of them is not mapped.
    Remap {
        old: usize,
        new: usize,
        count: usize,
    },
}

const fn permissions(write: bool) -> Permissions {
    if write { RW } else { READ }
}

/// Makes the edit on the space, and on the model if the space has made it.
pub fn apply(space: &mut Space, model: &mut [Page], op: Op) -> Result<(), MapError> {
    match op {
        Op::Replace {
            first,
            count,
            frame,
        } => {
            let map = map(first * PAGE, frame * PAGE as u64, count * PAGE, READ);
            space.replace_memory_map(map)?;
            model[first..first + count]
                .iter_mut()
                .zip(frame..)
                .for_each(|(page, frame)| *page = Some((frame, false)));
        }
        Op::Unmap { first, count } => {
            space.unmap(pages(first, count))?;
            model[first..first + count].fill(None);
        }
        Op::Protect {
            first,
            count,
            write,
        } => {
            space.protect(pages(first, count), permissions(write))?;
            model[first..first + count]
                .iter_mut()
                .flatten()
                .for_each(|page| page.1 = write);
        }
        Op::Restrict { first, count } => {
            space.restrict(pages(first, count), READ)?;
            let mapped = model[first..first + count].iter_mut().flatten();
            mapped.for_each(|page| page.1 = false);
        }
        Op::Remap { old, new, count } => {
            space.remap(pages(old, count), pages(new, count))?;
            if old != new {
                let moved = model[old..old + count].to_vec();
                model[old..old + count].fill(None);
                model[new..new + count].copy_from_slice(&moved);
            }
        }
    }
    Ok(())
}

/// The maps that a model has: everything joined that can be.
pub fn maps(model: &[Page]) -> Vec<VirtualMemoryMap> {
    let mut runs: Vec<(usize, usize, u64, bool)> = Vec::new();
    for (page, &entry) in model.iter().enumerate() {
        let Some((frame, write)) = entry else {
            continue;
        };
        match runs.last_mut() {
            Some((first, count, start, with))
                if *first + *count == page && *start + *count as u64 == frame && *with == write =>
            {
                *count += 1;
            }
            _ => runs.push((page, 1, frame, write)),
        }
    }
    let map = |(first, count, frame, write): (usize, usize, u64, bool)| {
        map(
            first * PAGE,
            frame * PAGE as u64,
            count * PAGE,
            permissions(write),
        )
    };
    runs.into_iter().map(map).collect()
}

/// Asserts that the space has the model's maps, and that its invariants hold.
pub fn compare(space: &Space, model: &[Page]) {
    space.check_invariants().unwrap();
    let expected = maps(model);
    assert_eq!(space.memory_maps().len(), expected.len());
    assert!(
        space
            .memory_maps()
            .zip(&expected)
            .all(|(seen, expected)| seen == expected.view())
    );
}

/// Another model beside the model of pages.
pub trait Oracle {
    /// Makes an edit that the space has made.
    fn apply(&mut self, op: Op);

    /// Asserts that the maps are the same.
    fn compare(&self, space: &Space);
}

/// The model of pages is enough.
impl Oracle for () {
    fn apply(&mut self, _op: Op) {}

    fn compare(&self, _space: &Space) {}
}

/// An edit at random, mostly of a few pages, sometimes of up to 39. A move never overlaps itself but where it stays.
pub fn random_op(random: &mut Random, pages: usize) -> Op {
    let first = random.below(pages - 40);
    let count = if random.below(50) == 0 {
        1 + random.below(39)
    } else {
        1 + random.below(3)
    };
    match random.below(9) {
        // Frames that are seldom continued by their neighbours, so that maps stay many.
        0..4 => Op::Replace {
            first,
            count,
            frame: (2 * first + random.below(3)) as u64,
        },
        4 => Op::Unmap { first, count },
        5 | 6 => Op::Protect {
            first,
            count,
            write: random.below(2) == 0,
        },
        7 => Op::Restrict { first, count },
        _ => {
            let new = random.below(pages - 40);
            let apart = first + count <= new || new + count <= first;
            Op::Remap {
                old: first,
                new: if apart { new } else { first },
                count,
            }
        }
    }
}

/// Makes `steps` random edits of `size` pages, and compares all maps after each `every` of them, with `other` as well.
/// Answers the largest number of maps that there were.
///
/// At the end all maps are removed, and restored in reverse order.
pub fn run(seed: u64, size: usize, steps: usize, every: usize, other: &mut impl Oracle) -> usize {
    let mut random = Random(seed);
    let mut space = Space::new(NoPageTable::new());
    let mut model = vec![None; size];
    let mut most = 0;
    for step in 0..steps {
        let op = random_op(&mut random, size);
        match apply(&mut space, &mut model, op) {
            Ok(()) => other.apply(op),
            Err(MapError::NotMapped { .. }) => {}
            Err(error) => panic!("{op:?}: {error}"),
        }
        look(&space, &model, &mut random);
        if step % every == 0 {
            compare(&space, &model);
            other.compare(&space);
        }
        most = most.max(space.memory_maps().len());
    }
    compare(&space, &model);
    let removed: Vec<_> = space.remove_all_memory_maps().collect();
    assert_eq!(removed, maps(&model));
    space
        .restore_memory_maps(removed.into_iter().rev())
        .unwrap();
    compare(&space, &model);
    most
}
