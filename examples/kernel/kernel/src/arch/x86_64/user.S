# What runs in ring 3: programs, and single instructions for the checks. It is copied into pages of a space of its own, so
# it uses no absolute addresses. A call has its number in rax, its arguments in rdi, rsi, rdx, r10 and r8, and its answer
# in rdi.

    .section .user, "ax"
    .balign 4096
    .globl user_start
user_start:

    .macro  call_kernel number
    mov     eax, \number
    int     0x80
    .endm

# The program. It asks the kernel for a sum, uses its stack, tries a kernel page (its address is in rdi) and the guard
# page below its stack (rsi), which the kernel refuses and steps over: those instructions have 3 bytes. It exits with 7,
# or with the number of the step that went wrong.
    .globl user_program
user_program:
    mov     rbx, rdi
    mov     r14, rsi
    mov     edi, 20
    mov     esi, 22
    call_kernel {sum}
    mov     r15d, 1
    cmp     rdi, 42
    jne     2f

    mov     [rsp - 8], rdi
    mov     rcx, [rsp - 8]
    mov     r15d, 2
    cmp     rcx, rdi
    jne     2f

    mov     ecx, 42
    mov     rcx, [rbx]              # refused
    mov     r15d, 3
    cmp     rcx, rdi
    jne     2f
    mov     [rbx], rcx              # refused
    mov     [r14], rcx              # refused
    mov     r15d, 7
2:  mov     rdi, r15
    call_kernel {exit}

# The program that touches pages: rsi bytes of a heap at rdi, whose words must be 0, and into each of which it writes the
# word's own address. It asks the kernel to copy 128 bytes over the border to the next page, to rdx, over another border,
# and looks at them. Then it goes down its stack until it is stopped; or it exits with the number of the step that went
# wrong.
    .globl user_toucher
user_toucher:
    mov     rbx, rdi
    lea     rbp, [rdi + rsi]
    mov     r13, rdx
    mov     r15d, 1
    mov     rcx, rbx
2:  cmp     qword ptr [rcx], 0
    jne     9f
    mov     [rcx], rcx
    add     rcx, 8
    cmp     rcx, rbp
    jb      2b

    mov     r15d, 2
    mov     rcx, rbx
3:  cmp     [rcx], rcx
    jne     9f
    add     rcx, 8
    cmp     rcx, rbp
    jb      3b

    mov     rdi, r13
    lea     rsi, [rbp - 64]
    mov     edx, 128
    call_kernel {copy}
    mov     r15d, 3
    test    rdi, rdi
    jnz     9f
    mov     r15d, 4
    lea     rcx, [rbp - 64]
4:  cmp     [r13], rcx
    jne     9f
    add     r13, 8
    add     rcx, 8
    cmp     rcx, rbp
    jb      4b
    lea     rdx, [rbp + 64]
5:  cmp     qword ptr [r13], 0
    jne     9f
    add     r13, 8
    add     rcx, 8
    cmp     rcx, rdx
    jb      5b

6:  mov     [rsp - 8], rsp
    sub     rsp, 4096
    jmp     6b
9:  mov     rdi, r15
    call_kernel {exit}

# Stores rsi at rdi, and then at rdx, as the flag that says so: stores are seen in order.
    .globl user_writer
user_writer:
    mov     [rdi], rsi
    mov     [rdx], rsi
    int     0x80

# Looks at the word at rdi, again and again, until it is rsi and so is the flag at rdx, which it looks at first; now and
# then it lets the kernel do something else. Answers in rdi how often it was not, and in rsi whether it was not after it
# had been, or after the flag was.
    .globl user_watcher
user_watcher:
    xor     r8d, r8d
    xor     r9d, r9d
    xor     r10d, r10d              # whether it has been
2:  mov     ecx, 4096
3:  mov     r11, [rdx]
    mov     rbx, [rdi]
    cmp     rbx, rsi
    je      5f
    inc     r8
    test    r10, r10
    jnz     4f
    cmp     r11, rsi
    jne     6f
4:  mov     r9d, 1
    jmp     7f
5:  mov     r10d, 1
    cmp     r11, rsi
    je      7f
6:  dec     ecx
    jnz     3b
    call_kernel {yield_}
    jmp     2b
7:  mov     rdi, r8
    mov     rsi, r9
    call_kernel {exit}

# Loads from rdi, and answers in rdi.
    .globl user_load
user_load:
    mov     rdi, [rdi]
    int     0x80

# Stores rsi at rdi.
    .globl user_store
user_store:
    mov     [rdi], rsi
    int     0x80
