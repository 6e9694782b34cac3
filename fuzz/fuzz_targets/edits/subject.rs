//! A space, and the model beside it.

use kernel_vm::backend::mock::NoPageTable;
use kernel_vm::{MapError, Node, VirtualMemoryManager};
use kernel_vm_fuzz::{Rights, area};

use crate::input::{Kind, Op};
use crate::model::Model;
use crate::page::{Map, Page, Tag};
use crate::span::{PAGES, Span};

pub struct Subject {
    pub space: VirtualMemoryManager<NoPageTable, Tag>,
    pub model: Model,
    /// Whether it may run out of nodes.
    pub is_fixed: bool,
}

impl Subject {
    pub fn new(nodes: Option<&'static mut [Node<Tag>]>) -> Self {
        let backend = NoPageTable::over([area(0, 1 << 38)]);
        let is_fixed = nodes.is_some();
        let space = match nodes {
            Some(nodes) => VirtualMemoryManager::with_nodes(backend, nodes),
            None => VirtualMemoryManager::for_payload(backend),
        };
        Self {
            space,
            model: Model(vec![None; PAGES]),
            is_fixed,
        }
    }

    pub fn apply(&mut self, op: Op) {
        match op {
            Op::Add(span, kind) => {
                self.add(span, kind);
                self.look(span);
            }
            Op::Replace(span, kind) => self.replace(span, kind),
            Op::Scatter(field) => self.scatter(field),
            Op::Unmap(span) => self.unmap(span),
            Op::Protect(span, rights) => self.protect(span, rights),
            Op::Remap {
                old,
                new,
                other_count,
            } => {
                let count = other_count.map_or(old.count, |count| 1 + usize::from(count));
                self.remap(old, Span::at(new, count));
            }
            Op::RemoveIndex(index) => self.remove(index.into()),
            Op::RemoveAndRestore { backwards } => {
                let before = self.model.clone();
                let mut maps = self.remove_all();
                if backwards {
                    maps.reverse();
                }
                let restored = self.space.restore_memory_maps(maps).map_err(MapError::from);
                // The maps had these nodes before, but may be laid out otherwise now.
                if !self.ran_out(restored) {
                    restored.unwrap();
                    self.model = before;
                }
                self.look(Span::at(0, PAGES));
            }
            Op::Find {
                within,
                count,
                align,
                offset,
                hint,
            } => {
                self.find(within, count, 1 << align, offset.into(), hint);
                self.find(Span::at(0, PAGES), count, 1 << align, offset.into(), hint);
            }
            Op::Look(span) => self.look(span),
            Op::AllowHeap => {
                self.space.allow_heap();
                self.is_fixed = false;
            }
        }
        self.space.check_invariants().unwrap();
    }

    pub fn ran_out(&self, answer: Result<(), MapError>) -> bool {
        let ran_out = matches!(answer, Err(MapError::OutOfNodes { .. }));
        assert!(!ran_out || self.is_fixed, "{answer:?}");
        ran_out
    }

    /// Whether the verb did what the model wants.
    pub fn did(&self, answer: Result<(), MapError>, expected: Result<(), MapError>) -> bool {
        if self.ran_out(answer) {
            return false;
        }
        assert_eq!(answer, expected);
        answer.is_ok()
    }

    /// How many maps an empty space has room for.
    pub fn room(&mut self) -> Option<usize> {
        if !self.is_fixed {
            return None;
        }
        let apart = (0..2 * PAGES)
            .step_by(2)
            .map(|first| Span { first, count: 1 });
        let kind = Kind {
            rights: Rights::Read,
            is_shared: false,
            joins: false,
            is_elsewhere: false,
        };
        let mut maps = apart.map(|span| Page::new(span.first, kind).map(span));
        let room = maps.position(|map| self.space.add_memory_map(map).is_err());
        self.space.remove_all_memory_maps().for_each(drop);
        Some(room.unwrap())
    }

    pub fn compare(&self) {
        let expected = self.model.maps();
        assert_eq!(self.space.memory_maps().len(), expected.len());
        assert!(self.space.memory_maps().eq(expected.iter().map(Map::view)));
        for (index, map) in self.space.memory_maps().enumerate() {
            let found = self.space.search_memory_map_idx(map.vmarea().end());
            assert_eq!(found, Some(index));
        }
    }
}
