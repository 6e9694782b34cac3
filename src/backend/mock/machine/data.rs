//! The bytes that loads and stores are after, moved in atomic words: page tables may lie beside them.

use core::sync::atomic::Ordering::{AcqRel, Acquire};

use super::memory::Memory;
use super::rules::Architecture;
use super::trap::Stop;
use crate::addr::PhysAddr;

/// The size in bytes of the words that memory is made of.
const WORD: usize = size_of::<u64>();

impl<A: Architecture> Memory<'_, A> {
    /// Reads the bytes from `at` on, which lie in one frame.
    pub(super) fn load(self, at: PhysAddr, bytes: &mut [u8]) -> Result<(), Stop<A::Reason>> {
        let within = offset(at);
        self.with(at, |words, index| {
            let held = words.iter().skip(index);
            let held = held.flat_map(|word| word.load(Acquire).to_ne_bytes());
            let held = held.skip(within);
            bytes
                .iter_mut()
                .zip(held)
                .for_each(|(byte, held)| *byte = held);
        })
    }

    /// Writes the bytes from `at` on, which lie in one frame.
    pub(super) fn store(self, at: PhysAddr, bytes: &[u8]) -> Result<(), Stop<A::Reason>> {
        let mut within = offset(at);
        self.with(at, |words, index| {
            let mut bytes = bytes;
            for word in words.iter().skip(index) {
                let (now, rest) = bytes.split_at(bytes.len().min(WORD - within));
                // One that is written whole is written at once; of another the rest stays, even if it changes
                // meanwhile.
                let _ = word.fetch_update(AcqRel, Acquire, |old| {
                    let mut held = old.to_ne_bytes();
                    let places = held.iter_mut().skip(within);
                    places.zip(now).for_each(|(place, byte)| *place = *byte);
                    Some(u64::from_ne_bytes(held))
                });
                (bytes, within) = (rest, 0);
                if bytes.is_empty() {
                    break;
                }
            }
        })
    }
}

/// How many bytes of its word lie before `at`.
fn offset(at: PhysAddr) -> usize {
    usize::try_from(at.get() % WORD as u64).unwrap_or(0)
}
