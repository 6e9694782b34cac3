//! The kernel's half on the host: it is there, so that programs' spaces share it, and nothing is in it.

use crate::layout::{PAGE, area};
use crate::memory::{Space, SpaceLock};
use crate::mode::{PageTable, UPPER_HALF};
use crate::{arch, cpus, platform};

static SPACE: SpaceLock<Option<Space>> = SpaceLock::new(None);

/// Makes it, or makes it anew.
pub fn begin() {
    let half = area(UPPER_HALF, PAGE);
    let table = PageTable::kernel(platform::for_kernel(), arch::features(), half);
    let space = Space::for_payload(table.expect("there are frames"));
    *SPACE.write() = Some(space);
}

/// Gives its frames back. Nobody shares it any more.
pub fn end() {
    *SPACE.write() = None;
}

pub fn look<R>(f: impl FnOnce(&Space) -> R) -> R {
    let space = SPACE.read(cpus::this().id());
    f(space.as_ref().expect("a test makes it first"))
}

/// This CPU leaves the lower half.
pub fn activate() {
    arch::leave();
}
