# The program: a greeting and a table to be read, a counter to be written, a buffer that no file fills.
# LLVM's assembler and linker make `program.elf` of it (Rust brings the linker along: `rust-lld -flavor gnu`):
#
#   llvm-mc -triple=riscv64 -filetype=obj program.s -o program.o
#   ld.lld -T program.ld program.o -o program.elf

        .globl  _start, greeting, squares, limit, counter, buffer

        .text
_start: la      a0, counter
        ld      a1, 0(a0)
        addi    a1, a1, 1
        sd      a1, 0(a0)               # counter += 1
        li      a7, 93
        ecall                           # exit

        .section .rodata
greeting:
        .asciz  "hello from a small program"
        .balign 4
squares:                                # more than a page: the rest of them shares a page with .data
        .set    i, 0
        .rept   1100
        .word   i * i
        .set    i, i + 1
        .endr
        .balign 8
limit:  .dword  1000

        .data
        .balign 8
counter:
        .dword  41

        .bss
        .balign 8
buffer: .space  0x2800
