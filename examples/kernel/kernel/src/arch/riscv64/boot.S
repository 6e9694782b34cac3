# The first instructions of every hart: translation off, a0 = hart id, running at physical addresses. The boot table
# maps physical memory where it is and in the upper half, so the code goes on when satp is written, and then jumps up.

    .option arch, +m                # which the target has, but not every compiler tells its assembler
    .section .text.entry, "ax"
    .globl _start
_start:                             # from OpenSBI, one hart
    li      a2, 1
    j       1f

    .globl _start_other
_start_other:                       # from SBI's hart_start, the others
    li      a2, 0

1:  lla     t0, BOOT_TABLE
    srli    t0, t0, 12
    li      t1, {satp_mode}
    or      t0, t0, t1
    sfence.vma
    csrw    satp, t0
    csrr    t1, satp                # a mode that the hart does not have leaves satp as it was
    bne     t0, t1, 4f

    lla     t0, 3f
    ld      t0, 0(t0)
    jr      t0                      # to 2f, in the upper half
2:  li      t0, {max_harts}
    bgeu    a0, t0, 5f
    lla     sp, __stacks_start      # this hart's stack: the one at its id
    addi    t0, a0, 1
    li      t1, {stack_stride}
    mul     t0, t0, t1
    add     sp, sp, t0

    beqz    a2, 7f
    lla     t0, __bss_start         # the first hart clears what Rust expects to be 0
    lla     t1, __bss_end
6:  bgeu    t0, t1, 7f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       6b

7:  mv      a1, a2
    call    enter                   # enter(hart id, is first)

4:  lla     s0, 8f                  # say so, and shut down
9:  lbu     a0, 0(s0)
    beqz    a0, 10f
    li      a7, 1                   # SBI: console putchar
    ecall
    addi    s0, s0, 1
    j       9b
10: li      a7, 0x53525354          # SBI: system reset
    li      a6, 0
    li      a0, 0
    li      a1, 1
    ecall
5:  wfi
    j       5b

8:  .asciz  "FAIL  this machine does not have the page-table mode\n"
    .balign 8
3:  .dword  2b
