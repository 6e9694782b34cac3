# Programs that are processes (process.rs): they fork, and become each other. Their heap is at a fixed place.

# rbx to rbp: rdi pages of the heap.
    .macro  heap_pages
    mov     ebx, {heap}
    imul    rbp, rdi, {page}
    add     rbp, rbx
    .endm

# Finds rdi pages of its heap zero, all of them, and fills each with its own addresses. Exits with rdi.
    .globl user_worker
user_worker:
    heap_pages
    mov     rcx, rbx
2:  cmp     qword ptr [rcx], 0
    jne     3f
    mov     [rcx], rcx
    add     rcx, 8
    cmp     rcx, rbp
    jb      2b
    call_kernel {exit}
3:  mov     edi, {wrong}
    call_kernel {exit}

# Goes down its stack until it is stopped.
    .globl user_overrun
user_overrun:
    mov     [rsp - 8], rsp
    sub     rsp, {page}
    jmp     user_overrun

# Forks rdi children that become workers, with 1, 2 and so on pages; and one that overruns its stack. Exits with rdi; or
# with the error, without the rest.
    .globl user_shell
user_shell:
    mov     rbx, rdi
    xor     ebp, ebp
2:  inc     rbp
    call_kernel {fork}
    test    rdi, rdi
    js      4f
    jz      3f
    cmp     rbp, rbx
    jbe     2b
    mov     rdi, rbx
    call_kernel {exit}
3:  mov     rsi, rbp
    cmp     rbp, rbx
    ja      5f
    mov     edi, {worker}
    call_kernel {exec}
4:  neg     rdi
    call_kernel {exit}
5:  mov     edi, {overrun}
    call_kernel {exec}
    jmp     4b

# Yields, and becomes program rdi, with rsi for it. Exits with the error.
    .globl user_becomer
user_becomer:
    call_kernel {yield_}
    call_kernel {exec}
    neg     rdi
    call_kernel {exit}

# Writes their own addresses at the start of rdi pages of its heap; yields; and forks rsi children. They and their parent
# each find the second word of each page 0, write a name of their own there, yield, and find it; and find the first word
# as it was. The parent comes first, or last if rdx is not 0. All exit with 0. A parent that cannot fork goes on, and
# exits with the error.
    .globl user_family
user_family:
    heap_pages
    mov     r12, rsi
    mov     r13, rdx
    xor     r14d, r14d              # the name: 0 is the parent
    xor     r15d, r15d              # the error
    mov     rcx, rbx
2:  mov     [rcx], rcx
    add     rcx, {page}
    cmp     rcx, rbp
    jb      2b
    call_kernel {yield_}
3:  inc     r14
    cmp     r14, r12
    ja      4f
    call_kernel {fork}
    test    rdi, rdi
    jz      5f
    jg      3b
    neg     rdi
    mov     r15, rdi
4:  mov     r14d, {parent}
    test    r13, r13
    jz      5f
    call_kernel {yield_}
5:  mov     rcx, rbx
6:  cmp     [rcx], rcx
    jne     9f
    cmp     qword ptr [rcx + 8], 0
    jne     9f
    mov     [rcx + 8], r14
    add     rcx, {page}
    cmp     rcx, rbp
    jb      6b
    call_kernel {yield_}
    mov     rcx, rbx
7:  cmp     [rcx], rcx
    jne     9f
    cmp     [rcx + 8], r14
    jne     9f
    add     rcx, {page}
    cmp     rcx, rbp
    jb      7b
    mov     rdi, r15
    call_kernel {exit}
9:  mov     edi, {wrong}
    call_kernel {exit}

# A thread: in each of the pages from rdi to rsi, adds 1 to the first word, and stores r10 in the word at rdx, which was
# 0. Then it waits a while for the others, r8 in all, to have been there.
    .globl user_thread
user_thread:
    lock add qword ptr [rdi], 1
    cmp     qword ptr [rdi + rdx], 0
    jne     5f
    mov     [rdi + rdx], r10
    mov     ecx, 2000
3:  cmp     [rdi], r8
    jae     4f
    dec     ecx
    jnz     3b
4:  add     rdi, {page}
    cmp     rdi, rsi
    jb      user_thread
    xor     edi, edi
    call_kernel {exit}
5:  mov     edi, {wrong}
    call_kernel {exit}

    .balign 4096
