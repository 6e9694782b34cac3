# What runs in U-mode: a program, and two single instructions for the checks. It is copied into pages of a space of its
# own, so it uses no absolute addresses; and every instruction has 4 bytes, so that the kernel can step over one.

    .section .user, "ax"
    .balign 4096
    .option norvc
    .globl user_start
user_start:

# The program. It asks the kernel for a sum, uses its stack, tries a kernel page (its address is in s0) and the guard
# page below its stack (s1), which the kernel refuses and steps over, and exits with 7, or with the number of the step
# that went wrong.
    .globl user_program
user_program:
    li      a7, 1                   # sum
    li      a0, 20
    li      a1, 22
    ecall
    li      t0, 42
    li      s2, 1
    bne     a0, t0, 1f

    sd      a0, -8(sp)
    ld      t1, -8(sp)
    li      s2, 2
    bne     t0, t1, 1f

    li      t1, 42
    ld      t1, 0(s0)               # refused
    li      s2, 3
    bne     t0, t1, 1f
    sd      t1, 0(s0)               # refused
    sd      t1, 0(s1)               # refused
    li      s2, 7
1:  mv      a0, s2
    li      a7, 0                   # exit
    ecall

# Loads from a0, and answers in a0.
    .globl user_load
user_load:
    ld      a0, 0(a0)
    ecall

# Stores a1 at a0.
    .globl user_store
user_store:
    sd      a1, 0(a0)
    ecall

    .balign 4096
