//! Drops of many maps, to the last one, even if payloads panic.

/// Drops all items that an iterator has left. O(items).
///
/// When the drop of one item panics, the rest is dropped all the same, as the rest of a `Vec` is, and the panic goes
/// on. A second panic aborts, as Rust has it.
pub(crate) fn drop_all(items: &mut impl Iterator) {
    let rest = Rest(items);
    rest.0.for_each(drop);
}

/// The items that are left, which are dropped with it.
struct Rest<'a, I: Iterator>(&'a mut I);

impl<I: Iterator> Drop for Rest<'_, I> {
    fn drop(&mut self) {
        self.0.for_each(drop);
    }
}
