//! The tests of Unicorn.

use super::{UnicornAarch64, UnicornRiscv, UnicornX86};
use crate::isa::{Long, Sv, Vmsa};

tests! {
    sv39: Sv<3>, UnicornRiscv, 0;
    sv48: Sv<4>, UnicornRiscv, 1;
    sv57: Sv<5>, UnicornRiscv, 2;
    x86_64: Long<4>, UnicornX86, 3;
    x86_64_la57: Long<5>, UnicornX86, 4;
    aarch64: Vmsa<4>, UnicornAarch64, 5;
    aarch64_va39: Vmsa<3>, UnicornAarch64, 6;
}
