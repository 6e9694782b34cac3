//! Room for more maps in a leaf: a neighbour takes some of the maps, or the leaf is split.
//!
//! A leaf keeps up to [`FULL`] maps. An edit that leaves no more maps than before needs no node, however full the
//! leaves are. Any other edit finds room in its leaf, or splits it, with nodes that its reservation has set aside.
//!
//! Splits go from the root down. A tight inner node is split before its child is, so each split finds room for the new
//! child in the node above:
//!
//! ```text
//! before    inner [A B]           leaf A has FULL maps, and the edit needs room there
//! after     inner [A A' B]        A' is a spare node, and has the maps of A from the cut position on
//! ```

use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::pool::Pool;
use super::size::{FULL, LEAF};
use super::store::Tree;

/// How room is made in a full leaf.
///
/// A verb that inserts one map wants full leaves on the whole. A verb that inserts many has counted the splits in its
/// reservation, and a neighbour's room may have been counted for other maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relief {
    /// A neighbour that has room takes some of its maps; where none has, a new node does.
    Redistribute,
    /// A new node takes half of its maps: each of many maps to come, in address order, finds that much room. When all
    /// of them come behind the leaf, the new node takes the last map alone.
    Ascending,
    /// A new node takes half of its maps, for maps that come in the reverse of address order. When all of them come
    /// before the leaf, the new node takes all maps but the first.
    Descending,
}

impl<T> Tree<T> {
    /// Makes room for `growth` more maps, one or two, in the leaf where `addr` is or would be. O(log n).
    ///
    /// Spare nodes are taken for the splits of the leaf and of each tight node above it; [`needed_at`](Self::needed_at)
    /// counts them. A tight root gets a new root above it first.
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

/// Makes room in the child at `at`: a neighbour takes some of its maps, or a spare node does. O(1).
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

/// Splits the child at `at`: a spare node takes its maps or children from a position on, and comes behind it. O(1).
///
/// Without a spare node nothing changes: a move that ends with no more maps sets none aside.
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
    // Maps that come in order fill their leaves, if a leaf is cut at its end or at its start. Where maps of any address
    // may follow, none must meet a leaf that is nearly full: it is cut in halves.
    let cut = match (&child.0, child.rank(addr)) {
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

/// Evens the leaf at `at` out with a neighbour that has room; false when neither has, or when the child is no leaf.
/// O(1).
///
/// A neighbour has room when one of the two is three quarters full at most. So leaves are split later, and are fuller
/// on the whole.
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

/// After two leaves have evened out, both have room for the two maps that one edit may bring.
const _: () = assert!((FULL + LEAF * 3 / 4).div_ceil(2) + 2 <= FULL);
