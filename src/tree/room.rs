//! Room for more maps: how many nodes an edit may want, set aside before anything changes, and where they go.
//!
//! A leaf keeps up to [`FULL`] maps. An edit that leaves no more maps than before needs no node, however full the leaves
//! are; any other finds room in its leaf, or asks for nodes to split that leaf and the nodes above it.

use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::pool::Pool;
use super::size::{FULL, LEAF};
use super::store::Tree;

/// How room is made in a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    /// A neighbour that has room takes some of its maps; where none has, a new node does.
    Redistribute,
    /// A new node takes half of its maps, so that each of many maps to come, in address order, finds that much room; or
    /// takes none but the last, when all that come are behind it.
    Ascending,
    /// The same for maps that come in the reverse order.
    Descending,
}

impl<T> Tree<T> {
    /// Makes room for `growth` more maps, one or two, in the leaf at `addr`: splits it, and every tight node above it,
    /// from the root down, with the nodes that are spare.
    pub(super) fn make_room(&mut self, addr: usize, growth: usize, relief: Relief) {
        if self
            .leaf(addr)
            .is_none_or(|(leaf, _)| leaf.has_room_for(growth))
        {
            return;
        }
        let Self { root, pool, .. } = self;
        if root.as_deref().is_some_and(|root| root.is_tight(growth)) {
            if let Some(mut above) = pool.take() {
                let mut inner = Inner::new();
                root.take()
                    .into_iter()
                    .for_each(|below| inner.insert_at(0, below));
                above.0 = NodeKind::Inner(inner);
                *root = Some(above);
            }
        }
        let mut node = root.as_deref_mut();
        while let Some(Node(NodeKind::Inner(inner))) = node {
            let at = inner.position_for(addr);
            if inner.child(at).is_some_and(|child| child.is_tight(growth)) {
                make_room_in_child(inner, at, addr, pool, relief);
            }
            node = inner.child_mut(inner.position_for(addr));
        }
    }
}

/// Makes room in the child at `at`: a neighbour takes some of its maps, or a new node does.
fn make_room_in_child<T>(
    inner: &mut Inner<Node<T>>,
    at: usize,
    addr: usize,
    pool: &mut Pool<T>,
    relief: Relief,
) {
    if relief == Relief::Redistribute && redistribute(inner, at) {
        return;
    }
    split_child(inner, at, addr, pool, relief);
}

/// Splits the child at `at`: a spare node takes the maps or children from some position on.
fn split_child<T>(
    inner: &mut Inner<Node<T>>,
    at: usize,
    addr: usize,
    pool: &mut Pool<T>,
    relief: Relief,
) {
    let (Some(child), Some(mut right)) = (inner.child_mut(at), pool.take()) else {
        return;
    };
    // Maps that come in order fill their leaves: all maps behind them are split off, or all before. Where any may follow,
    // none must meet a leaf that is nearly full.
    let cut = match (&child.0, child.position_for(addr)) {
        (NodeKind::Leaf(_), 0) if relief != Relief::Ascending => 1,
        (NodeKind::Leaf(_), place) if place >= child.len() && relief != Relief::Descending => {
            child.len() - 1
        }
        _ => child.len() / 2,
    };
    child.split_into(cut, &mut right);
    inner.refresh(at);
    inner.insert_at(at + 1, right);
}

/// Evens a leaf out with a neighbour that has room; false when neither has. Full leaves are split later for it, so they
/// are fuller on the whole.
fn redistribute<T>(inner: &mut Inner<Node<T>>, at: usize) -> bool {
    for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
        let Some((one, other)) = inner.pair_mut(left) else {
            continue;
        };
        let (NodeKind::Leaf(one), NodeKind::Leaf(other)) = (&mut one.0, &mut other.0) else {
            return false;
        };
        let (few, half) = (one.len().min(other.len()), (one.len() + other.len()) / 2);
        if few * 4 > LEAF * 3 {
            continue;
        }
        if one.len() > half {
            one.move_tail(half, other);
        } else {
            other.move_head(half - one.len(), one);
        }
        inner.refresh(left);
        inner.refresh(left + 1);
        return true;
    }
    false
}

/// After leaves have evened out, both have room for what one edit may bring.
const _: () = assert!((FULL + LEAF * 3 / 4).div_ceil(2) + 2 <= FULL);
