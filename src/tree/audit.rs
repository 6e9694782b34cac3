//! The invariants of a whole tree: its height, its order, and the copies that inner nodes keep of their children.

use super::audit_node::wrong;
use super::inner::Inner;
use super::node::{Node, NodeKind};
use super::store::Tree;
use crate::violation::Violation;

impl<T> Tree<T> {
    /// Checks every node: its order, its fill, and the facts that it keeps about itself and its children. O(n).
    ///
    /// # Errors
    /// [`Violation::Unordered`] with two maps of one leaf; [`Violation::Node`] with the area of a node that is wrong.
    pub(crate) fn audit(&self) -> Result<(), Violation> {
        match self.root.as_deref() {
            Some(Node(NodeKind::Inner(root))) if root.len() < 2 => {
                Err(wrong(root.low(), root.high()))
            }
            Some(root) => audit(root).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Checks a subtree, and answers its height: the number of inner nodes above each of its leaves.
fn audit<T>(node: &Node<T>) -> Result<usize, Violation> {
    match &node.0 {
        NodeKind::Leaf(leaf) => leaf.audit().map(|()| 0),
        NodeKind::Inner(inner) => audit_inner(inner),
        // A spare node belongs in the pool.
        NodeKind::Spare(_) => Err(wrong(node.low(), node.high())),
    }
}

/// Checks an inner node and all below it, and answers its height. All leaves are equally deep.
fn audit_inner<T>(inner: &Inner<Node<T>>) -> Result<usize, Violation> {
    inner.audit()?;
    let wrong = wrong(inner.low(), inner.high());
    let mut height = None;
    for at in 0..inner.len() {
        let child = inner.child(at).ok_or(wrong)?;
        let below = audit(child)?;
        if *height.get_or_insert(below) != below {
            return Err(wrong);
        }
        inner.audit_child(at)?;
    }
    height.map(|height| height + 1).ok_or(wrong)
}

#[cfg(all(test, feature = "alloc", not(loom)))]
mod tests {
    use alloc::boxed::Box;

    use super::super::inner::Inner;
    use super::super::node::{Node, NodeKind};
    use super::super::owned::Owned;
    use super::super::store::Tree;
    use crate::addr::VirtAddr;
    use crate::area::MemoryArea;
    use crate::map::VirtualMemoryMap;
    use crate::permissions::Permissions;

    type Root = Owned<Node<()>>;

    fn inner(children: impl IntoIterator<Item = Root>) -> Root {
        let mut inner = Inner::new();
        for (at, child) in children.into_iter().enumerate() {
            inner.insert_at(at, child);
        }
        Owned::Fixed(Box::leak(Box::new(Node(NodeKind::Inner(inner)))))
    }

    fn is_sound(root: Root) -> bool {
        let mut tree = Tree::new();
        tree.root = Some(root);
        tree.audit().is_ok()
    }

    #[test]
    fn a_root_has_two_children_and_all_leaves_are_equally_deep() {
        // With a map at this page.
        let leaf = |page: usize| {
            let mut tree = Tree::new();
            let area = MemoryArea::block(VirtAddr::new(page << 12), 1 << 12);
            let map = VirtualMemoryMap::anonymous(area, Permissions::READ).unwrap();
            assert!(tree.add(map).is_ok() && tree.audit().is_ok());
            tree.root.take().unwrap()
        };
        assert!(is_sound(inner([leaf(1), leaf(3)])));
        assert!(!is_sound(inner([leaf(1)])));
        let below = |first| inner([leaf(first), leaf(first + 1)]);
        assert!(is_sound(inner([below(1), below(5)])));
        assert!(!is_sound(inner([below(1), leaf(5)])));
        assert!(!is_sound(inner([leaf(1), below(5)])));
        // What is wrong further down is seen as well.
        assert!(!is_sound(inner([below(1), inner([below(5), leaf(9)])])));
        let spare = Owned::Fixed(Box::leak(Box::new(Node::new())));
        assert!(!is_sound(spare));
    }
}
