# The first instructions of every CPU. QEMU enters the first at what the note says (PVH): in 32-bit mode, translation off,
# at physical addresses. The others begin in 16-bit mode at a page below 1 MiB, where the trampoline is copied to. Both
# go on in long mode under the boot table, which maps physical memory where it is and in the upper half.

    .section .note.Xen, "a", @note
    .balign 4
    .long   4, 8, 18                # name, value, and what the value is: a physical address in 32-bit mode
    .asciz  "Xen"
    .quad   _start - {upper}

    .section .text.entry, "ax"
    .globl _start
    .code32
_start:
    cli
    cld
    movl    $1, %esi                # the first CPU

1:  movl    $0x80000000, %eax
    cpuid
    cmpl    $0x80000001, %eax
    jb      4f
    movl    $0x80000001, %eax
    cpuid
    andl    $(1 << 29 | 1 << 20), %edx      # long mode, and no-execute
    cmpl    $(1 << 29 | 1 << 20), %edx
    jne     4f
    .if {levels} == 5
    movl    $7, %eax
    xorl    %ecx, %ecx
    cpuid
    testl   $(1 << 16), %ecx        # LA57
    jz      4f
    .endif

    lgdt    boot_gdt_pointer - {upper}
    movl    ${cr4}, %eax
    movl    %eax, %cr4
    movl    $(boot_root - {upper}), %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx       # EFER: LME and NXE
    rdmsr
    orl     $(1 << 8 | 1 << 11), %eax
    wrmsr
    movl    $(1 << 31 | 1 << 16 | 1 << 5 | 1 << 4 | 1), %eax    # CR0: PG, WP, NE, ET, PE
    movl    %eax, %cr0
    ljmp    $0x08, $(2f - {upper})

    .code64
2:  movabsq $3f, %rax
    jmpq    *%rax                   # to the upper half
3:  xorl    %eax, %eax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movw    %ax, %fs
    movw    %ax, %gs
    movl    $1, %eax                # this CPU's number: that of its local APIC
    cpuid
    shrl    $24, %ebx
    cmpl    ${max_cpus}, %ebx
    jae     9f
    leaq    __stacks_start(%rip), %rsp      # its stack: the one at its number
    leal    1(%ebx), %eax
    imulq   ${stack_stride}, %rax, %rax
    addq    %rax, %rsp

    testl   %esi, %esi
    jz      5f
    leaq    __bss_start(%rip), %rdi         # the first CPU clears what Rust expects to be 0
    leaq    __bss_end(%rip), %rcx
    subq    %rdi, %rcx
    xorl    %eax, %eax
    rep stosb
5:  movl    %ebx, %edi
    xorl    %ebp, %ebp
    callq   enter                   # enter(number, is first)

    .code32
4:  movl    $(8f - {upper}), %esi   # say so, and turn the machine off
    movw    $0x3f8, %dx
6:  lodsb
    testb   %al, %al
    jz      7f
    outb    %al, %dx
    jmp     6b
7:  xorl    %eax, %eax
    outl    %eax, $0xf4
9:  hlt
    jmp     9b

    .section .rodata
8:  .asciz  "FAIL  this machine does not have long mode, no-execute or the levels of tables\n"

# What is copied below 1 MiB.
    .balign 16
    .globl trampoline_start, trampoline_end
    .code16
trampoline_start:
    cli
    cld
    xorw    %ax, %ax
    movw    %ax, %ds
    lgdtl   trampoline_gdt_pointer - trampoline_start + {trampoline}
    movl    %cr0, %eax
    orl     $1, %eax
    movl    %eax, %cr0
    ljmpl   $0x18, $(trampoline_32 - trampoline_start + {trampoline})
    .code32
trampoline_32:
    movw    $0x10, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    xorl    %esi, %esi              # not the first CPU
    movl    $(1b - {upper}), %eax
    jmpl    *%eax
    .balign 4
trampoline_gdt_pointer:
    .word   4 * 8 - 1
    .long   boot_gdt - {upper}
trampoline_end:
    .code64

    .section .data
    .balign 8
boot_gdt:
    .quad   0
    .quad   0x00af9a000000ffff      # 0x08: code of 64 bits
    .quad   0x00cf92000000ffff      # 0x10: data
    .quad   0x00cf9a000000ffff      # 0x18: code of 32 bits
boot_gdt_pointer:
    .word   4 * 8 - 1
    .long   boot_gdt - {upper}

# The boot table: 4 GiB in leaves of 2 MiB, all of it open, with A and D. The last GiB has devices: uncached.
    .balign 4096
boot_root:
    .quad   boot_next - {upper} + 0x23
    .fill   255, 8, 0
    .quad   boot_next - {upper} + 0x23
    .fill   255, 8, 0
    .if {levels} == 5
boot_next:
    .quad   boot_gibs - {upper} + 0x23
    .fill   511, 8, 0
    .else
    .set    boot_next, boot_gibs
    .endif
boot_gibs:
    .quad   boot_leaves - {upper} + 0x0023
    .quad   boot_leaves - {upper} + 0x1023
    .quad   boot_leaves - {upper} + 0x2023
    .quad   boot_leaves - {upper} + 0x3023
    .fill   508, 8, 0
boot_leaves:
    .set    at, 0
    .rept   3 * 512
    .quad   at + 0xe3
    .set    at, at + 0x200000
    .endr
    .rept   512
    .quad   at + 0xfb
    .set    at, at + 0x200000
    .endr
