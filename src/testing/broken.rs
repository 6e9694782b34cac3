//! The answer of a suite that has found something.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::error::MapError;
use crate::violation::Violation;

/// A law that does not hold: which one, in words, and what shows it.
///
/// It prints as a report, by `Display` and by `Debug` alike: a test that answers `Result<(), Broken>` prints that when
/// it fails. Random verbs add their seed, and the fewest steps found that go wrong.
///
/// ```
/// use kernel_vm::testing::Broken;
///
/// let broken = Broken::new("a frame is handed out once", "0x8020_0000 came twice");
/// assert_eq!(
///     broken.to_string(),
///     "broken law: a frame is handed out once\n  0x8020_0000 came twice"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    law: &'static str,
    found: String,
    seed: Option<u64>,
    steps: Vec<String>,
}

impl Broken {
    /// A law that does not hold, and the evidence: for checks of the kernel's own beside those of this module.
    #[must_use]
    pub fn new(law: &'static str, found: impl Into<String>) -> Self {
        Self {
            law,
            found: found.into(),
            seed: None,
            steps: Vec::new(),
        }
    }

    /// The law, in words.
    #[must_use]
    pub fn law(&self) -> &'static str {
        self.law
    }

    /// What shows that it does not hold: where, and both sides of the comparison.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The seed of the run that has found it, if it was random.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The steps that lead there, each as Rust; none where the law's name says them.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The same, found by the run with this seed.
    pub(super) fn of(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The same, found behind these steps.
    pub(super) fn behind<S: fmt::Debug>(mut self, steps: &[S]) -> Self {
        self.steps = steps
            .iter()
            .map(|step| alloc::format!("{step:?}"))
            .collect();
        self
    }

    /// The same evidence of another law.
    pub(super) fn by(mut self, law: &'static str) -> Self {
        self.law = law;
        self
    }

    /// The same, with words before what was found: in which case it was.
    pub(super) fn when(mut self, case: impl fmt::Display) -> Self {
        self.found = alloc::format!("{case}: {}", self.found);
        self
    }
}

/// The law holds, or `found` says why not.
///
/// # Errors
/// [`Broken`], if it does not hold.
pub(super) fn ensure(
    holds: bool,
    law: &'static str,
    found: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if holds {
        Ok(())
    } else {
        Err(Broken::new(law, found()))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken law: {}\n  {}", self.law, self.found)?;
        if let Some(seed) = self.seed {
            write!(f, "\n  seed {seed:#x}")?;
        }
        if !self.steps.is_empty() {
            f.write_str("\n  behind these steps:")?;
        }
        self.steps
            .iter()
            .try_for_each(|step| write!(f, "\n    {step},"))
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Broken {}

/// The law of a verb that has no reason to be refused.
pub(super) const DONE: &str = "a verb that must be done is done";

/// For a verb that a check makes with `?`, and that must be done.
impl From<MapError> for Broken {
    fn from(error: MapError) -> Self {
        Self::new(DONE, error.to_string())
    }
}

/// For `check_invariants()?`.
impl From<Violation> for Broken {
    fn from(violation: Violation) -> Self {
        Self::new("all invariants hold between verbs", violation.to_string())
    }
}
