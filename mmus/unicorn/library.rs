//! The library's calls, as its header declares them.

use std::env;
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

/// An engine of the library. Calls answer 0 when they have done as told.
pub type Handle = *mut c_void;

/// The functions that an MMU needs. Each is in the header of version 2.1.
pub struct Calls {
    pub open: unsafe extern "C" fn(c_int, c_int, *mut Handle) -> c_int,
    pub close: unsafe extern "C" fn(Handle) -> c_int,
    pub control: unsafe extern "C" fn(Handle, c_int, ...) -> c_int,
    pub map: unsafe extern "C" fn(Handle, u64, u64, u32) -> c_int,
    pub write: unsafe extern "C" fn(Handle, u64, *const c_void, u64) -> c_int,
    pub read: unsafe extern "C" fn(Handle, u64, *mut c_void, u64) -> c_int,
    pub write_register: unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int,
    pub start: unsafe extern "C" fn(Handle, u64, u64, u64, usize) -> c_int,
    pub translate: unsafe extern "C" fn(Handle, u64, u32, *mut u64) -> c_int,
}

/// The functions of the library that `UNICORN` names, which is loaded once.
pub fn calls() -> &'static Calls {
    static CALLS: OnceLock<Calls> = OnceLock::new();
    CALLS.get_or_init(|| {
        let path = env::var_os("UNICORN");
        let path = path.unwrap_or_else(|| panic!("UNICORN names no library: `.ci/mmus` has one"));
        load(&path)
    })
}

#[expect(unsafe_code, reason = "a library of C")]
fn load(path: &std::ffi::OsStr) -> Calls {
    // SAFETY: whoever set the variable says that this is Unicorn, which sets up nothing but itself.
    let library = unsafe { Library::new(path) }.unwrap();
    let library: &'static Library = Box::leak(Box::new(library));
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the type, which the field says, is the one in the header.
            *unsafe { library.get($name) }.unwrap()
        };
    }
    Calls {
        open: function!(b"uc_open\0"),
        close: function!(b"uc_close\0"),
        control: function!(b"uc_ctl\0"),
        map: function!(b"uc_mem_map\0"),
        write: function!(b"uc_mem_write\0"),
        read: function!(b"uc_mem_read\0"),
        write_register: function!(b"uc_reg_write\0"),
        start: function!(b"uc_emu_start\0"),
        translate: function!(b"uc_vmem_translate\0"),
    }
}
