//! The tests of rsemu.

use super::{RsemuAarch64, RsemuRiscv, RsemuX86};
use crate::isa::{Long, Sv, Vmsa};

tests! {
    sv39: Sv<3>, RsemuRiscv, 7;
    x86_64: Long<4>, RsemuX86, 8;
    aarch64: Vmsa<4>, RsemuAarch64, 9;
    aarch64_va39: Vmsa<3>, RsemuAarch64, 10;
}
