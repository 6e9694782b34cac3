//! Tables of words at random, in the frames of a machine. Each table has its level, and pointers lead to the next.

use kernel_vm::backend::mock::HostFrames;
use kernel_vm::backend::mock::machine::Machine;
use kernel_vm::{Frame, FrameAllocator, PhysAddr, VirtAddr};

use crate::author::Step;
use crate::isa::{Isa, extend, span};
use crate::random::Random;
use crate::tables::{Tables, WORDS};

/// The tables of each level but the first.
const ALIKE: usize = 3;
/// The slots of a table that have words.
const SLOTS: usize = 8;
/// The CPU that never translates.
const STORES: usize = usize::MAX;

pub struct World<I: Isa> {
    pub cpus: I::Cpus,
    pub machine: Machine<I::Cpus>,
    frames: Vec<Frame>,
    /// The addresses of the tables of each level, the lowest level first.
    levels: Vec<Vec<u64>>,
    pub tables: Tables,
    /// A table in which nothing is.
    pub empty: u64,
    slots: [usize; SLOTS],
}

impl<I: Isa> World<I> {
    #[expect(unsafe_code, reason = "a machine writes any of its frames")]
    pub fn new(cpus: I::Cpus, seed: u64) -> Self {
        // SAFETY: nobody but the machine's CPUs reaches these frames.
        let machine = unsafe { Machine::with_architecture(HostFrames::new(64), seed, cpus) };
        let mut frames = Vec::new();
        let mut table = || {
            frames.push(machine.alloc().unwrap());
            frames.last().unwrap().addr().get()
        };
        let levels = (0..I::LEVELS).map(|level| {
            let count = if level + 1 == I::LEVELS { 1 } else { ALIKE };
            (0..count).map(|_| table()).collect()
        });
        let levels = levels.collect();
        let empty = table();
        Self {
            cpus,
            machine,
            frames,
            levels,
            tables: Tables::default(),
            empty,
            slots: [0; SLOTS],
        }
    }

    pub fn root(&self) -> u64 {
        self.levels[I::LEVELS - 1][0]
    }

    /// Fills all tables anew.
    pub fn fill(&mut self, random: &mut Random) {
        self.slots = [(); SLOTS].map(|()| {
            let any = random.below(512);
            random.one_of(&[0, 1, 255, 256, 511, any])
        });
        self.tables = Tables::default();
        self.tables.insert(self.empty, vec![0; WORDS]);
        for level in 0..I::LEVELS {
            for &at in &self.levels[level] {
                let mut words = vec![0; WORDS];
                for &slot in &self.slots {
                    words[slot] = self.any_word(random, level);
                }
                self.tables.insert(at, words);
            }
        }
        for at in self.tables.places() {
            let bytes = self.tables.bytes(at);
            self.machine
                .cpu(STORES)
                .store(physical(at), &bytes)
                .unwrap();
        }
    }

    /// Nonsense, a pointer or a leaf; one in three of the latter with one bit or two that are others.
    fn any_word(&self, random: &mut Random, level: usize) -> u64 {
        // Few walks end in the first table.
        let leaves = if level + 1 == I::LEVELS { 16 } else { 4 };
        let is_pointer = level > 0 && !random.one_in(leaves);
        if random.one_in(8) {
            return random.word();
        }
        let mut word = if is_pointer {
            let to = random.one_of(&self.levels[level - 1]);
            I::pointer(random, to, level)
        } else {
            I::leaf(random, level)
        };
        for _ in 0..random.one_of(&[0, 0, 0, 0, 1, 2]) {
            // A pointer leads to a table of its level, or to none.
            let bit = random.below(64);
            let is_number = (12..24).contains(&bit) || (10..22).contains(&bit);
            if !(is_pointer && is_number) {
                word ^= 1 << bit;
            }
        }
        word
    }

    /// An address that leads through slots that have words, canonical but for one in sixteen.
    pub fn any_address(&self, random: &mut Random) -> u64 {
        let low: u64 = (0..I::LEVELS)
            .map(|level| span(level) * self.slots[random.below(SLOTS)] as u64)
            .sum();
        let vaddr = extend(low, I::LEVELS) + random.below(4096) as u64;
        if random.one_in(16) {
            vaddr ^ 1 << random.below(64)
        } else {
            vaddr
        }
    }

    /// Does `with` while these words stand in the machine's memory.
    pub fn amended<R>(&self, steps: &[Step], with: impl FnOnce() -> R) -> R {
        steps.iter().for_each(|step| self.put(step.at, step.word));
        let answer = with();
        for step in steps {
            self.put(step.at, self.word(step.at));
        }
        answer
    }

    /// The word that stands at a physical address when nothing is amended.
    pub fn word(&self, at: u64) -> u64 {
        self.tables.word(at).unwrap()
    }

    /// The word that stands there in the machine's memory.
    pub fn marked(&self, at: u64) -> u64 {
        self.machine.cpu(STORES).load_u64(physical(at)).unwrap()
    }

    pub fn put(&self, at: u64, word: u64) {
        self.machine
            .cpu(STORES)
            .store_u64(physical(at), word)
            .unwrap();
    }
}

impl<I: Isa> Drop for World<I> {
    fn drop(&mut self) {
        let frames = self.frames.drain(..);
        frames.for_each(|frame| self.machine.release(frame, false));
    }
}

/// The tables of the crate's page table whose root is there: read, and never written.
pub fn read<I: Isa>(machine: &Machine<I::Cpus>, root: PhysAddr) -> Tables {
    let mut tables = Tables::default();
    let mut due = vec![(root.get(), I::LEVELS - 1)];
    while let Some((at, level)) = due.pop() {
        let mut bytes = [0; 4096];
        machine.cpu(STORES).load(physical(at), &mut bytes).unwrap();
        let (words, _) = bytes.as_chunks();
        let words: Vec<_> = words.iter().map(|&word| u64::from_le_bytes(word)).collect();
        let below = words.iter().filter_map(|&word| I::next(word, level));
        due.extend(below.map(|table| (table, level - 1)));
        tables.insert(at, words);
    }
    tables
}

/// A physical address, as a CPU that does not translate has it.
fn physical(at: u64) -> VirtAddr {
    VirtAddr::new(at as usize)
}
