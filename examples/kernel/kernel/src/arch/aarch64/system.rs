//! System registers.

/// The value of a register that may be read at any time: reading it changes nothing.
macro_rules! read {
    ($register:literal) => {{
        let bits: u64;
        // SAFETY: see above.
        unsafe {
            core::arch::asm!(
                concat!("mrs {}, ", $register),
                out(reg) bits,
                options(nomem, nostack, preserves_flags),
            );
        }
        bits
    }};
}

pub(super) use read;
