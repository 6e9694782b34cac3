//! What must always hold.

use super::node::{Node, NodeKind};
use super::store::Tree;
use crate::area::MemoryArea;
use crate::violation::Violation;

impl<T> Tree<T> {
    /// Checks every node: order, fill, and what it says of itself and of its children.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        match self.root.as_deref() {
            Some(root) => audit(root, true).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Checks a subtree; answers its height.
fn audit<T>(node: &Node<T>, is_root: bool) -> Result<usize, Violation> {
    let wrong = Violation::Node {
        area: MemoryArea::bounds(node.low(), node.high()),
    };
    let fail = |holds: bool| if holds { Ok(()) } else { Err(wrong) };
    fail(node.len() > 0 && node.len() <= node.capacity())?;
    match &node.0 {
        NodeKind::Leaf(leaf) => {
            fail(leaf.has_room_for(0))?;
            fail((0..leaf.len()).all(|at| leaf.start(at) <= leaf.end(at)))?;
            for at in 1..leaf.len() {
                if leaf.end(at - 1) >= leaf.start(at) {
                    return Err(Violation::Unordered {
                        left: leaf.area(at - 1),
                        right: leaf.area(at),
                    });
                }
            }
            fail(leaf.is_sound())?;
            Ok(0)
        }
        NodeKind::Inner(inner) => {
            fail(!is_root || inner.len() > 1)?;
            let mut height = None;
            for at in 0..inner.len() {
                let child = inner.child(at).ok_or(wrong)?;
                let below = audit(child, false)?;
                fail(*height.get_or_insert(below) == below)?;
                let between = match at.checked_sub(1) {
                    Some(left) => inner
                        .child_low(at)
                        .checked_sub(inner.child_high(left))
                        .ok_or(wrong)?
                        .saturating_sub(1),
                    None => 0,
                };
                fail(at == 0 || inner.child_low(at) > inner.child_high(at - 1))?;
                fail(inner.child_low(at) == child.low() && inner.child_high(at) == child.high())?;
                fail(inner.counts().get(at) == Some(&child.count()))?;
                fail(inner.max_gap_at(at) == child.max_gap().max(between))?;
            }
            fail(inner.count() == inner.counts().iter().sum())?;
            fail(inner.is_sound())?;
            height.map(|height| height + 1).ok_or(wrong)
        }
        NodeKind::Spare(_) => Err(wrong),
    }
}
