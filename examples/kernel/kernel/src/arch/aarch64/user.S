// What runs at EL0: programs, and single instructions for the checks. It is copied into pages of a space of its own, so
// it uses no absolute addresses. Every instruction has 4 bytes, so the kernel can step over one. A call has its number
// in x8.

    .section .user, "ax"
    .balign 4096
    .globl user_start
user_start:

// The program. It asks the kernel for a sum, uses its stack, tries a kernel page (its address is in x0) and the guard
// page below its stack (x1), which the kernel refuses and steps over, and exits with 7, or with the number of the step
// that went wrong.
    .globl user_program
user_program:
    mov     x19, x0
    mov     x20, x1
    mov     x8, #{sum}
    mov     x0, #20
    mov     x1, #22
    svc     #0
    mov     x21, #1
    cmp     x0, #42
    b.ne    1f

    str     x0, [sp, #-8]
    ldr     x9, [sp, #-8]
    mov     x21, #2
    cmp     x9, #42
    b.ne    1f

    ldr     x9, [x19]               // refused
    mov     x21, #3
    cmp     x9, #42
    b.ne    1f
    str     x9, [x19]               // refused
    str     x9, [x20]               // refused
    mov     x21, #7
1:  mov     x0, x21
    mov     x8, #{exit}
    svc     #0

// The program that touches pages: x1 bytes of a heap at x0, whose words must be 0, and into each of which it writes the
// word's own address. It asks the kernel to copy 128 bytes over the border to the next page, to x2, over another
// border, and looks at them. Then it goes down its stack until it is stopped; or it exits with the number of the step
// that went wrong.
    .globl user_toucher
user_toucher:
    mov     x19, x0
    add     x20, x0, x1
    mov     x22, x2
    mov     x21, #1
    mov     x9, x19
1:  ldr     x10, [x9]
    cbnz    x10, 9f
    str     x9, [x9]
    add     x9, x9, #8
    cmp     x9, x20
    b.lo    1b

    mov     x21, #2
    mov     x9, x19
2:  ldr     x10, [x9]
    cmp     x10, x9
    b.ne    9f
    add     x9, x9, #8
    cmp     x9, x20
    b.lo    2b

    mov     x8, #{copy}
    mov     x0, x22
    sub     x1, x20, #64
    mov     x2, #128
    svc     #0
    mov     x21, #3
    cbnz    x0, 9f
    mov     x21, #4
    sub     x9, x20, #64
3:  ldr     x10, [x22], #8
    cmp     x10, x9
    b.ne    9f
    add     x9, x9, #8
    cmp     x9, x20
    b.lo    3b
    add     x11, x20, #64
4:  ldr     x10, [x22], #8
    cbnz    x10, 9f
    add     x9, x9, #8
    cmp     x9, x11
    b.lo    4b

5:  mov     x9, sp
    str     x9, [sp, #-8]
    sub     sp, sp, #4096
    b       5b
9:  mov     x0, x21
    mov     x8, #{exit}
    svc     #0

// Stores x1 at x0, and then at x2, as the flag that says so.
    .globl user_writer
user_writer:
    str     x1, [x0]
    dmb     ish
    str     x1, [x2]
    svc     #0

// Looks at the word at x0, again and again, until it is x1 and so is the flag at x2; now and then it lets the kernel do
// something else. Answers in x0 how often it was not, and in x1 whether it was not after it had been, or after the flag
// was.
    .globl user_watcher
user_watcher:
    mov     x3, #0
    mov     x4, #0
    mov     x9, #0                  // whether it has been
    mov     x13, x0                 // a call answers in x0
1:  mov     x10, #4096
2:  ldr     x11, [x2]
    dmb     ish
    ldr     x12, [x13]
    dmb     ish
    cmp     x12, x1
    b.eq    3f
    add     x3, x3, #1
    cbnz    x9, 4f
    cmp     x11, x1
    b.ne    5f
4:  mov     x4, #1
    b       6f
3:  mov     x9, #1
    cmp     x11, x1
    b.eq    6f
5:  subs    x10, x10, #1
    b.ne    2b
    mov     x8, #{yield_}
    svc     #0
    b       1b
6:  mov     x0, x3
    mov     x1, x4
    mov     x8, #{exit}
    svc     #0

// Loads from x0, and answers in x0.
    .globl user_load
user_load:
    ldr     x0, [x0]
    svc     #0

// Stores x1 at x0.
    .globl user_store
user_store:
    str     x1, [x0]
    svc     #0
