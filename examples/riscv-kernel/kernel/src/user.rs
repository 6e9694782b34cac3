//! A program in an address space of its own.
