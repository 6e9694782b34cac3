//! What differs between architectures: one folder each, and all of them offer the same to the rest of the kernel.
//!
//! | | the build |
//! |---|---|
//! | `ARCH`, `MODE` | the names of the architecture and of this build's mode, as the last line has them |
//! | `Format` | the entries of its page tables |
//! | `features()` | what this CPU's MMU can do; of the policies for accessed and dirty bits, one that it can, and not in each mode the same |
//! | `RAM` | where memory begins: 2 GiB, aligned to 1 GiB, with the image in the first 128 MiB |
//! | `DEVICES` | devices outside it, to be mapped at the direct map's offset: addresses and sizes |
//! | `kernel.ld` | the image at `UPPER_HALF` and its physical address; the symbols are in [`layout`](crate::layout) |
//!
//! Where each half has a root of its own, `lower_root` and `activate` speak of the lower half's, and `upper_root` of
//! the other; `activate_kernel` makes the lower half lead nowhere.
//!
//! | | a CPU |
//! |---|---|
//! | (boot) | every CPU calls [`enter`](crate::enter) with its number, on its stack, under a table that maps memory at its physical address and at its place in the upper half |
//! | `Own`, `Own::new()` | what a CPU keeps for the architecture, [`Cpu::own`](crate::cpus::Cpu::own) |
//! | `set_this(cpu)`, `this()` | lets this CPU find its own [`Cpu`](crate::cpus::Cpu) |
//! | `init(is_first)` | traps, and registers that say how to translate; each CPU once, after `set_this` |
//! | `start_cpu(id)` | starts a CPU; answers whether there is one of this number |
//! | `nap()`, `wake(others)` | sleeps until woken, or for no reason at all; who was woken since the last time does not sleep |
//! | `put(byte)`, `shut_down()` | the console and the switch |
//!
//! | | translation |
//! |---|---|
//! | `activate(root, &activation)`, unsafe | this CPU goes to a program's space, under its ASID, and forgets what the activation says |
//! | `activate_kernel(root)`, unsafe | this CPU goes to the kernel's own space, and forgets the boot table |
//! | `lower_root()` | the root through which this CPU translates the lower half |
//! | `asid_bits()` | how many bits of an ASID this CPU keeps; 0 where each switch is to forget everything |
//! | `entries_stored()` | a flush begins: what other CPUs walk after the tags were read has the entries. Nothing to do where the full fence that [`Tags::cached`](crate::asids::Tags::cached) begins with orders walks, too |
//! | `flush(&flush, asid, cpus)` | these CPUs and this one forget what the flush names, under an ASID or under all; done when it returns. It begins with a full fence, unless `entries_stored` is one |
//! | `made_valid(&made, all)`, `made_code(area, all)`, `fence(&stale)` | as [`Tlb`](kernel_vm::Tlb) has them; `all` are the CPUs that are up |
//! | `forget_page(addr)` | this CPU forgets that nothing was there |
//!
//! | | traps |
//! |---|---|
//! | `load`, `store`, `fetch`, unsafe | one access, which may fault: [`Cpu::recover`](crate::cpus::Cpu::recover) says where to go on meanwhile. A page fault in the kernel is [kept](crate::probe::keep); all else there is a panic |
//! | `Registers` | of a program: `new(pc, stack)`, `pc()`, `arg(n)` and `set_arg(n, value)` for 5 arguments of which the first is a call's answer, too, `call()` for the number of a call, `step_over()` for an access of [`user_program`](crate::user::Entry::Program) that was refused |
//! | `Registers::run()` | runs it in user mode until it traps, and says [why](crate::user::Trap); a call is behind it then |
//! | `user.S`, `programs.S` | the [programs](crate::user::Entry), of one page together, with a `user_start` |
//!
//! | | what the manual says, for the checks |
//! |---|---|
//! | `translation(root)` | whether the registers say that this CPU translates the upper half through this root, in this build's mode; and a name for that |
//! | `EVERYONE` | who can make accesses, by a name, and with a reason if there is no such thing |
//! | `allows(who, permissions, access)` | whether an entry of these permissions does |
//! | `with_opened(opened, f)` | runs `f` with that open to the kernel |
//! | `EXECUTE_ONLY` | whether an entry can say that a page may be executed and not read |
//! | `RETURN`, `CALL` | words that begin with an instruction that returns, or calls the kernel |
//! | `pointer(word, level)` | the table that an entry points to, if it does, as the MMU reads it; the lowest level is 0 |

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "aarch64")]
pub use aarch64::*;

#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "riscv64")]
pub use riscv64::*;

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;
