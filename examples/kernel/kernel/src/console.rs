//! Printing, a line at a time.

use core::fmt::{self, Write};

use crate::arch;
use crate::lock::Lock;

struct Console;

static CONSOLE: Lock<Console> = Lock::new(Console);

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(arch::put);
        Ok(())
    }
}

pub fn print(line: fmt::Arguments<'_>) {
    let _ = writeln!(CONSOLE.lock(), "{line}");
}

/// For a kernel that is about to stop: whoever holds the lock may never give it back.
pub fn print_anyway(line: fmt::Arguments<'_>) {
    let _ = writeln!(Console, "{line}");
}

#[macro_export]
macro_rules! println {
    ($($arg:tt)*) => { $crate::console::print(format_args!($($arg)*)) };
}
