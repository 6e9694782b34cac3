# What runs in U-mode: programs, and single instructions for the checks. It is copied into pages of a space of its
# own, so it uses no absolute addresses; and every instruction has 4 bytes, so that the kernel can step over one.

    .section .user, "ax"
    .balign 4096
    .option norvc
    .globl user_start
user_start:

# The program. It asks the kernel for a sum, uses its stack, tries a kernel page (its address is in a0) and the guard
# page below its stack (a1), which the kernel refuses and steps over, and exits with 7, or with the number of the step
# that went wrong.
    .globl user_program
user_program:
    mv      s0, a0
    mv      s1, a1
    li      a7, {sum}
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
    li      a7, {exit}
    ecall

# The program that touches pages: a1 bytes of a heap at a0, whose words must be 0, and into each of which it writes the
# word's own address. It asks the kernel to copy 128 bytes over the border to the next page, to a2, over another border,
# and looks at them. Then it goes down its stack until it is stopped; or it exits with the number of the step that went
# wrong.
    .globl user_toucher
user_toucher:
    mv      s0, a0
    add     s1, a0, a1
    mv      s3, a2
    li      s2, 1
    mv      t0, s0
1:  ld      t1, 0(t0)
    bnez    t1, 9f
    sd      t0, 0(t0)
    addi    t0, t0, 8
    bltu    t0, s1, 1b

    li      s2, 2
    mv      t0, s0
2:  ld      t1, 0(t0)
    bne     t1, t0, 9f
    addi    t0, t0, 8
    bltu    t0, s1, 2b

    li      a7, {copy}
    mv      a0, s3
    addi    a1, s1, -64
    li      a2, 128
    ecall
    li      s2, 3
    bnez    a0, 9f
    li      s2, 4
    addi    t0, s1, -64
3:  ld      t1, 0(s3)
    bne     t1, t0, 9f
    addi    s3, s3, 8
    addi    t0, t0, 8
    bltu    t0, s1, 3b
    addi    t2, s1, 64
4:  ld      t1, 0(s3)
    bnez    t1, 9f
    addi    s3, s3, 8
    addi    t0, t0, 8
    bltu    t0, t2, 4b

    li      t1, 4096
5:  sd      sp, -8(sp)
    sub     sp, sp, t1
    j       5b
9:  mv      a0, s2
    li      a7, {exit}
    ecall

# Stores a1 at a0, and then at a2, as the flag that says so.
    .globl user_writer
user_writer:
    sd      a1, 0(a0)
    fence   rw, rw
    sd      a1, 0(a2)
    ecall

# Looks at the word at a0, again and again, until it is a1 and so is the flag at a2; now and then it lets the kernel do
# something else. Answers in a0 how often it was not, and in a1 whether it was not after it had been, or after the flag
# was.
    .globl user_watcher
user_watcher:
    li      a3, 0
    li      a4, 0
    li      t4, 0                   # whether it has been
1:  li      t5, 4096
2:  ld      t2, 0(a2)
    fence   rw, rw
    ld      t3, 0(a0)
    fence   rw, rw
    beq     t3, a1, 3f
    addi    a3, a3, 1
    bnez    t4, 4f
    bne     t2, a1, 5f
4:  li      a4, 1
    j       6f
3:  li      t4, 1
    beq     t2, a1, 6f
5:  addi    t5, t5, -1
    bnez    t5, 2b
    li      a7, {yield_}
    ecall
    j       1b
6:  mv      a0, a3
    mv      a1, a4
    li      a7, {exit}
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
