//! Dropping maps to the last, whatever their payloads do.

/// Drops what an iterator has left. When dropping one item panics, the rest is dropped all the same, as that of a `Vec`
/// is, and the panic goes on.
pub(crate) fn drop_all(items: &mut impl Iterator) {
    let rest = Rest(items);
    rest.0.for_each(drop);
}

struct Rest<'a, I: Iterator>(&'a mut I);

impl<I: Iterator> Drop for Rest<'_, I> {
    fn drop(&mut self) {
        self.0.for_each(drop);
    }
}
