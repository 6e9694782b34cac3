//! Which pairs are selected.

/// Pairs whose name has any of some parts; all, if there are none.
pub(crate) struct Filter {
    parts: Vec<String>,
}

impl Filter {
    pub(crate) const fn new(parts: Vec<String>) -> Self {
        Self { parts }
    }

    pub(super) fn takes(&self, name: &str) -> bool {
        let mut parts = self.parts.iter();
        parts.len() == 0 || parts.any(|part| name.contains(part))
    }

    /// Whether one of the parts is all of `name`.
    pub(super) fn names(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part == name)
    }

    /// As the command line has it.
    pub(super) fn arguments(&self) -> &[String] {
        &self.parts
    }
}
