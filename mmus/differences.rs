//! What more than one author does differently.

use crate::author::{Path, Question};

/// D, A and U are not looked at in pointers.
pub fn pointers_without_marks<M>(_: &Question<M>, path: &mut Path) {
    let pointers = path.steps.iter_mut().filter(|step| step.word & 0xf == 1);
    pointers.for_each(|step| step.word &= !0xd0);
}

/// Bits 48 and 49 are not looked at.
pub fn without_wide_bits<M>(_: &Question<M>, path: &mut Path) {
    path.steps
        .iter_mut()
        .for_each(|step| step.word &= !(3 << 48));
}

/// What the manuals say of them.
pub mod section {
    pub const POINTER_MARKS: &str =
        "'Virtual Address Translation Process', step 3: what is reserved is a page fault";
    pub const WIDE: &str = "'VMSAv8-64 translation table format descriptors': RES0 where addresses \
         have 48 bits; the machine takes them for too wide an address";
}
