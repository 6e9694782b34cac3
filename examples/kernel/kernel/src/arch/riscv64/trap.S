# All traps come here. `sscratch` holds 0 in the kernel, and the address of the program's registers (registers.rs)
# while that runs. Register n is kept at n * 8; the place of x0 has the kernel's stack pointer.

    .section .text
    .balign 4
    .globl trap_entry
trap_entry:
    csrrw   sp, sscratch, sp
    bnez    sp, from_user

# In the kernel: keep what Rust code may change, and ask `kernel_trap` where to go on.
    csrrw   sp, sscratch, zero
    addi    sp, sp, -128
    .irp    n, 1, 5, 6, 7
    sd      x\n, (\n * 8 - 8)(sp)
    .endr
    .irp    n, 10, 11, 12, 13, 14, 15, 16, 17
    sd      x\n, (\n * 8 - 24)(sp)
    .endr
    sd      x28, 0x08(sp)
    sd      x29, 0x10(sp)
    sd      x30, 0x18(sp)
    sd      x31, 0x78(sp)
    csrr    a0, sepc
    csrr    a1, scause
    csrr    a2, stval
    call    kernel_trap
    csrw    sepc, a0
    .irp    n, 1, 5, 6, 7
    ld      x\n, (\n * 8 - 8)(sp)
    .endr
    .irp    n, 10, 11, 12, 13, 14, 15, 16, 17
    ld      x\n, (\n * 8 - 24)(sp)
    .endr
    ld      x28, 0x08(sp)
    ld      x29, 0x10(sp)
    ld      x30, 0x18(sp)
    ld      x31, 0x78(sp)
    addi    sp, sp, 128
    sret

# From a program: keep its registers, and return from `enter_user`.
from_user:
    .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd      x\n, (\n * 8)(sp)
    .endr
    csrrw   t0, sscratch, zero
    sd      t0, 16(sp)
    csrr    t0, sepc
    sd      t0, 256(sp)
    csrr    t0, scause
    sd      t0, 264(sp)
    csrr    t0, stval
    sd      t0, 272(sp)
    ld      sp, 0(sp)
    ld      ra, 0(sp)
    ld      tp, 8(sp)
    ld      gp, 16(sp)
    .irp    n, 8, 9
    ld      x\n, (\n * 8 - 40)(sp)
    .endr
    .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    ld      x\n, (\n * 8 - 104)(sp)
    .endr
    addi    sp, sp, 128
    ret

# enter_user(registers): runs the program until it traps.
    .globl enter_user
enter_user:
    addi    sp, sp, -128
    sd      ra, 0(sp)
    sd      tp, 8(sp)
    sd      gp, 16(sp)
    .irp    n, 8, 9
    sd      x\n, (\n * 8 - 40)(sp)
    .endr
    .irp    n, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    sd      x\n, (\n * 8 - 104)(sp)
    .endr
    sd      sp, 0(a0)
    csrw    sscratch, a0
    ld      t0, 256(a0)
    csrw    sepc, t0
    li      t0, 1 << 8              # sstatus.SPP: return to U-mode
    csrc    sstatus, t0
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld      x\n, (\n * 8)(a0)
    .endr
    ld      a0, 80(a0)
    sret
