# All traps come here: one stub a vector, which puts the vector above what the CPU has pushed, and a 0 where it pushes no
# error code.

    .section .text
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set    vector, 0
    .rept   256
    .balign 16
    .if !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
    push    0
    .endif
    push    vector
    jmp     trap_entry
    .set    vector, vector + 1
    .endr

    .balign 16
trap_entry:
    clac                            # a program may have set AC
    cld
    test    byte ptr [rsp + 24], 3  # the ring that it came from
    jnz     from_user

# In the kernel: keep what Rust code may change, and let `kernel_trap` look at the frame, where it may say where to go on.
    push    rax
    push    rcx
    push    rdx
    push    rsi
    push    rdi
    push    r8
    push    r9
    push    r10
    push    r11
    lea     rdi, [rsp + 72]
    call    kernel_trap
    pop     r11
    pop     r10
    pop     r9
    pop     r8
    pop     rdi
    pop     rsi
    pop     rdx
    pop     rcx
    pop     rax
    add     rsp, 16
    iretq

# From a program: the CPU has pushed onto the end of its registers (registers.rs). Push the others, and return from
# `enter_user`; or serve the other CPU, and go on.
from_user:
    swapgs
    push    r15
    push    r14
    push    r13
    push    r12
    push    r11
    push    r10
    push    r9
    push    r8
    push    rdi
    push    rsi
    push    rbp
    push    rbx
    push    rdx
    push    rcx
    push    rax
    mov     rdi, rsp
    mov     rsp, gs:[{kernel_rsp}]
    cmp     byte ptr [rdi + 120], {call_vector}
    je      2f
    cmp     byte ptr [rdi + 120], {spurious_vector}
    je      resume_user
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
2:  push    rdi
    call    serve_call
    pop     rdi
    jmp     resume_user

# enter_user(registers): runs the program until it traps. Interrupts are off when it returns.
    .globl enter_user
enter_user:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    cli
    mov     gs:[{kernel_rsp}], rsp
    mov     rcx, gs:[{task_state}]
    lea     rax, [rdi + {size}]
    mov     [rcx + 4], rax          # where a trap of the program pushes
resume_user:
    mov     rsp, rdi
    pop     rax
    pop     rcx
    pop     rdx
    pop     rbx
    pop     rbp
    pop     rsi
    pop     rdi
    pop     r8
    pop     r9
    pop     r10
    pop     r11
    pop     r12
    pop     r13
    pop     r14
    pop     r15
    add     rsp, 16
    swapgs
    iretq
