# Programs that are processes (process.rs): they fork, and become each other. Their heap is at a fixed place.

    .option arch, +m, +a            # which the target has, but not every compiler tells its assembler

# s0 to s1: a0 pages of the heap. s2: the size of one.
    .macro  heap_pages
    li      s0, {heap}
    li      s2, {page}
    mul     s1, a0, s2
    add     s1, s1, s0
    .endm
    .macro  exit
    li      a7, {exit}
    ecall
    .endm

# Finds a0 pages of its heap zero, all of them, and fills each with its own addresses. Exits with a0.
    .globl user_worker
user_worker:
    heap_pages
    mv      t0, s0
1:  ld      t1, 0(t0)
    bnez    t1, 2f
    sd      t0, 0(t0)
    addi    t0, t0, 8
    bltu    t0, s1, 1b
    exit
2:  li      a0, {wrong}
    exit

# Goes down its stack until it is stopped.
    .globl user_overrun
user_overrun:
    li      t1, {page}
1:  sd      sp, -8(sp)
    sub     sp, sp, t1
    j       1b

# Forks a0 children that become workers, with 1, 2 and so on pages; and one that overruns its stack. Exits with a0; or
# with the error, without the rest.
    .globl user_shell
user_shell:
    mv      s0, a0
    li      s1, 0
1:  addi    s1, s1, 1
    li      a7, {fork}
    ecall
    bltz    a0, 3f
    beqz    a0, 2f
    bleu    s1, s0, 1b
    mv      a0, s0
    exit
2:  mv      a1, s1
    bgtu    s1, s0, 4f
    li      a0, {worker}
    li      a7, {exec}
    ecall
3:  neg     a0, a0
    exit
4:  li      a0, {overrun}
    li      a7, {exec}
    ecall
    j       3b

# Yields, and becomes program a0, with a1 for it. Exits with the error.
    .globl user_becomer
user_becomer:
    mv      s0, a0
    li      a7, {yield_}
    ecall
    mv      a0, s0
    li      a7, {exec}
    ecall
    neg     a0, a0
    exit

# Writes their own addresses at the start of a0 pages of its heap; yields; and forks a1 children. They and their parent
# each find the second word of each page 0, write a name of their own there, yield, and find it; and find the first word
# as it was. The parent comes first, or last if a2 is not 0. All exit with 0. A parent that cannot fork goes on, and
# exits with the error.
    .globl user_family
user_family:
    heap_pages
    mv      s3, a1
    mv      s4, a2
    li      s5, 0                   # the name: 0 is the parent
    li      s6, 0                   # the error
    mv      t0, s0
1:  sd      t0, 0(t0)
    add     t0, t0, s2
    bltu    t0, s1, 1b
    li      a7, {yield_}
    ecall
2:  addi    s5, s5, 1
    bgtu    s5, s3, 3f
    li      a7, {fork}
    ecall
    beqz    a0, 4f
    bgtz    a0, 2b
    neg     s6, a0
3:  li      s5, {parent}
    beqz    s4, 4f
    li      a7, {yield_}
    ecall
4:  mv      t0, s0
5:  ld      t1, 0(t0)
    bne     t1, t0, 9f
    ld      t1, 8(t0)
    bnez    t1, 9f
    sd      s5, 8(t0)
    add     t0, t0, s2
    bltu    t0, s1, 5b
    li      a7, {yield_}
    ecall
    mv      t0, s0
6:  ld      t1, 0(t0)
    bne     t1, t0, 9f
    ld      t1, 8(t0)
    bne     t1, s5, 9f
    add     t0, t0, s2
    bltu    t0, s1, 6b
    mv      a0, s6
    exit
9:  li      a0, {wrong}
    exit

# A thread: in each of the pages from a0 to a1, adds 1 to the first word, and stores a3 in the word at a2, which was 0.
# Then it waits a while for the others, a4 in all, to have been there.
    .globl user_thread
user_thread:
    li      t6, {page}
1:  li      t0, 1
    amoadd.d zero, t0, (a0)
    add     t1, a0, a2
    ld      t2, 0(t1)
    bnez    t2, 4f
    sd      a3, 0(t1)
    li      t3, 2000
2:  ld      t2, 0(a0)
    bgeu    t2, a4, 3f
    addi    t3, t3, -1
    bnez    t3, 2b
3:  add     a0, a0, t6
    bltu    a0, a1, 1b
    li      a0, 0
    exit
4:  li      a0, {wrong}
    exit

    .balign 4096
