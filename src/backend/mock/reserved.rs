//! A reservation of the mock: a token that is counted.

/// A reservation of the mock. The mock needs no memory set aside, so this only says that there is one: a token that
/// [`MockBackend::reservations`](super::MockBackend::reservations) counts until it is unreserved.
///
/// The default is no reservation: [`map`](crate::backend::PageTableBackend::map) writes nothing with that.
#[derive(Debug, Default)]
#[must_use = "a reservation must be given back with `unreserve`"]
pub struct MockReserved {
    held: bool,
}

impl MockReserved {
    pub(super) const HELD: Self = Self { held: true };

    pub(super) const fn is_held(&self) -> bool {
        self.held
    }
}
