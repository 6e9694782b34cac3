// Programs that are processes (process.rs): they fork, and become each other. Their heap is at a fixed place.

// x19 to x20: x0 pages of the heap. x21: the size of one.
    .macro  heap_pages
    mov     x19, #{heap}
    mov     x21, #{page}
    madd    x20, x0, x21, x19
    .endm
    .macro  exit
    mov     x8, #{exit}
    svc     #0
    .endm

// Finds x0 pages of its heap zero, all of them, and fills each with its own addresses. Exits with x0.
    .globl user_worker
user_worker:
    heap_pages
    mov     x9, x19
1:  ldr     x10, [x9]
    cbnz    x10, 2f
    str     x9, [x9]
    add     x9, x9, #8
    cmp     x9, x20
    b.lo    1b
    exit
2:  mov     x0, #{wrong}
    exit

// Goes down its stack until it is stopped.
    .globl user_overrun
user_overrun:
    mov     x9, sp
    str     x9, [sp, #-8]
    sub     sp, sp, #{page}
    b       user_overrun

// Forks x0 children that become workers, with 1, 2 and so on pages; and one that overruns its stack. Exits with x0; or
// with the error, without the rest.
    .globl user_shell
user_shell:
    mov     x19, x0
    mov     x20, #0
1:  add     x20, x20, #1
    mov     x8, #{fork}
    svc     #0
    tbnz    x0, #63, 3f
    cbz     x0, 2f
    cmp     x20, x19
    b.ls    1b
    mov     x0, x19
    exit
2:  mov     x1, x20
    cmp     x20, x19
    b.hi    4f
    mov     x0, #{worker}
    mov     x8, #{exec}
    svc     #0
3:  neg     x0, x0
    exit
4:  mov     x0, #{overrun}
    mov     x8, #{exec}
    svc     #0
    b       3b

// Yields, and becomes program x0, with x1 for it. Exits with the error.
    .globl user_becomer
user_becomer:
    mov     x19, x0
    mov     x8, #{yield_}
    svc     #0
    mov     x0, x19
    mov     x8, #{exec}
    svc     #0
    neg     x0, x0
    exit

// Writes their own addresses at the start of x0 pages of its heap; yields; and forks x1 children. They and their parent
// each find the second word of each page 0, write a name of their own there, yield, and find it; and find the first
// word as it was. The parent comes first, or last if x2 is not 0. All exit with 0. A parent that cannot fork goes on,
// and exits with the error.
    .globl user_family
user_family:
    heap_pages
    mov     x22, x1
    mov     x23, x2
    mov     x24, #0                 // the name: 0 is the parent
    mov     x25, #0                 // the error
    mov     x9, x19
1:  str     x9, [x9]
    add     x9, x9, x21
    cmp     x9, x20
    b.lo    1b
    mov     x8, #{yield_}
    svc     #0
2:  add     x24, x24, #1
    cmp     x24, x22
    b.hi    3f
    mov     x8, #{fork}
    svc     #0
    cbz     x0, 4f
    tbz     x0, #63, 2b
    neg     x25, x0
3:  mov     x24, #{parent}
    cbz     x23, 4f
    mov     x8, #{yield_}
    svc     #0
4:  mov     x9, x19
5:  ldr     x10, [x9]
    cmp     x10, x9
    b.ne    9f
    ldr     x10, [x9, #8]
    cbnz    x10, 9f
    str     x24, [x9, #8]
    add     x9, x9, x21
    cmp     x9, x20
    b.lo    5b
    mov     x8, #{yield_}
    svc     #0
    mov     x9, x19
6:  ldr     x10, [x9]
    cmp     x10, x9
    b.ne    9f
    ldr     x10, [x9, #8]
    cmp     x10, x24
    b.ne    9f
    add     x9, x9, x21
    cmp     x9, x20
    b.lo    6b
    mov     x0, x25
    exit
9:  mov     x0, #{wrong}
    exit

// A thread: in each of the pages from x0 to x1, adds 1 to the first word, and stores x3 in the word at x2, which was 0.
// Then it waits a while for the others, x4 in all, to have been there.
    .globl user_thread
user_thread:
1:  ldxr    x9, [x0]
    add     x9, x9, #1
    stxr    w10, x9, [x0]
    cbnz    w10, 1b
    ldr     x9, [x0, x2]
    cbnz    x9, 4f
    str     x3, [x0, x2]
    mov     x10, #2000
2:  ldr     x9, [x0]
    cmp     x9, x4
    b.hs    3f
    subs    x10, x10, #1
    b.ne    2b
3:  add     x0, x0, #{page}
    cmp     x0, x1
    b.lo    1b
    mov     x0, #0
    exit
4:  mov     x0, #{wrong}
    exit

    .balign 4096
