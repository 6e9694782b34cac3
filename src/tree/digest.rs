//! The whole tree in some words, for tests that must tell its shapes apart.

use alloc::vec::Vec;

use super::leaf::Leaf;
use super::node::{Node, NodeKind};
use super::size::LEAF;
use super::store::Tree;
use crate::map::MapRef;

/// How many maps a leaf holds between edits.
pub(crate) const FULL: usize = super::size::FULL;

impl<T> Tree<T> {
    /// How many nodes there are, spare ones aside.
    pub(crate) fn nodes(&self) -> usize {
        self.root.as_deref().map_or(0, nodes)
    }

    /// Tells `words` of every node, of every map and its slot, and of the spare nodes: trees with equal words answer
    /// alike from here on. `content` is what there is to a map beside its area. Hints are no part of a tree.
    pub(crate) fn digest(&self, words: &mut Vec<u64>, content: impl Fn(MapRef<'_, T>) -> u64) {
        words.push(self.pool.len() as u64);
        if let Some(root) = self.root.as_deref() {
            digest_node(root, words, &content);
        }
    }
}

fn nodes<T>(node: &Node<T>) -> usize {
    let NodeKind::Inner(inner) = &node.0 else {
        return 1;
    };
    let children = (0..inner.len()).filter_map(|at| inner.child(at));
    1 + children.map(nodes).sum::<usize>()
}

fn digest_node<T>(node: &Node<T>, words: &mut Vec<u64>, content: &impl Fn(MapRef<'_, T>) -> u64) {
    match &node.0 {
        NodeKind::Spare(_) => words.push(u64::MAX),
        NodeKind::Leaf(leaf) => digest_leaf(leaf, words, content),
        NodeKind::Inner(inner) => {
            words.push(inner.len() as u64 | 1 << 32);
            let children = (0..inner.len()).filter_map(|at| inner.child(at));
            children.for_each(|child| digest_node(child, words, content));
        }
    }
}

fn digest_leaf<T>(leaf: &Leaf<T>, words: &mut Vec<u64>, content: &impl Fn(MapRef<'_, T>) -> u64) {
    let (len, lines) = (leaf.len() as u64, leaf.contents.len() as u64);
    words.push(len | lines << 8);
    for at in (0..LEAF).filter(|&at| leaf.has(at)) {
        words.extend([at as u64, leaf.start(at) as u64, leaf.end(at) as u64]);
        words.extend(leaf.get(at).map(content));
    }
}
