// All traps come here. While a program runs, the kernel's stack pointer points to the address of the program's
// registers (registers.rs), which `enter_user` has put there. Register n is kept at n * 8; at 31 * 8 there is the
// program's stack pointer.

    .section .text

// An exception that this kernel does not expect: with what number it is from the vectors.
    .macro  unexpected number
    .balign 128
    mov     x0, #\number
    b       unexpected_trap
    .endm

    .balign 2048
    .globl trap_vectors
trap_vectors:
    .irp    n, 0, 1, 2, 3           // the kernel, on the program's stack pointer
    unexpected \n
    .endr
    .balign 128                     // the kernel
    b       from_kernel
    .irp    n, 5, 6, 7
    unexpected \n
    .endr
    .balign 128                     // a program
    b       from_user
    .irp    n, 9, 10, 11, 12, 13, 14, 15 // beside those, programs of 32 bits
    unexpected \n
    .endr

// In the kernel: keep what Rust code may change, and ask `kernel_trap` where to go on.
from_kernel:
    sub     sp, sp, #160
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    str     x\n, [sp, #\n * 8]
    .endr
    stp     x18, x30, [sp, #144]
    mrs     x0, elr_el1
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      kernel_trap
    msr     elr_el1, x0
    ldp     x18, x30, [sp, #144]
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17
    ldr     x\n, [sp, #\n * 8]
    .endr
    add     sp, sp, #160
    eret

// From a program: keep its registers, and return from `enter_user`.
from_user:
    stp     x0, x1, [sp, #-16]!
    ldr     x0, [sp, #16]
    .irp    n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    str     x\n, [x0, #\n * 8]
    .endr
    ldp     x1, x2, [sp], #16
    stp     x1, x2, [x0]
    mrs     x1, sp_el0
    mrs     x2, elr_el1
    stp     x1, x2, [x0, #248]
    mrs     x1, spsr_el1
    mrs     x2, esr_el1
    stp     x1, x2, [x0, #264]
    mrs     x1, far_el1
    str     x1, [x0, #280]
    ldp     x29, x30, [sp, #16]
    ldp     x27, x28, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x23, x24, [sp, #64]
    ldp     x21, x22, [sp, #80]
    ldp     x19, x20, [sp, #96]
    add     sp, sp, #112
    ret

// enter_user(registers): runs the program until it traps.
    .globl enter_user
enter_user:
    sub     sp, sp, #112
    str     x0, [sp]
    stp     x29, x30, [sp, #16]
    stp     x27, x28, [sp, #32]
    stp     x25, x26, [sp, #48]
    stp     x23, x24, [sp, #64]
    stp     x21, x22, [sp, #80]
    stp     x19, x20, [sp, #96]
    ldp     x1, x2, [x0, #248]
    msr     sp_el0, x1
    msr     elr_el1, x2
    ldr     x1, [x0, #264]
    msr     spsr_el1, x1
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    ldr     x\n, [x0, #\n * 8]
    .endr
    ldr     x0, [x0]
    eret
