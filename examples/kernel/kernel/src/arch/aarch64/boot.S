// The first instructions of every CPU: at EL1, translation off, running at physical addresses. The boot table serves
// both halves: it maps memory where it is, and at the same place in the upper half. So the code goes on when
// translation is on, and then jumps up.

    .section .text.entry, "ax"
    .globl _start
_start:                             // from QEMU, one CPU
    mov     x20, #1
    b       1f

    .globl _start_other
_start_other:                       // from PSCI's CPU_ON, the others
    mov     x20, #0

1:  adrp    x1, boot_table
    msr     ttbr0_el1, x1
    msr     ttbr1_el1, x1
    ldr     x1, ={mair}
    msr     mair_el1, x1

    ldr     x1, ={tcr}
    mrs     x2, id_aa64mmfr0_el1
    and     x3, x2, #0xf            // PARange, up to what 48 bits are called, becomes IPS
    mov     x4, #5
    cmp     x3, x4
    csel    x3, x3, x4, ls
    orr     x1, x1, x3, lsl #32
    ubfx    x3, x2, #4, #4          // ASIDs of 16 bits: AS
    cmp     x3, #2
    b.ne    2f
    orr     x1, x1, #1 << 36
2:  .if {marks}
    mrs     x2, id_aa64mmfr1_el1
    and     x2, x2, #0xf            // an MMU that keeps access flag and dirty state: HA and HD
    cmp     x2, #2
    b.lo    3f
    orr     x1, x1, #3 << 39
    .endif
3:  msr     tcr_el1, x1

    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    mrs     x1, sctlr_el1
    mov     x2, #1 << 12 | 1 << 2 | 1 // I, C, M
    orr     x1, x1, x2
    bic     x1, x1, #1 << 19        // WXN
    msr     sctlr_el1, x1
    isb

    ldr     x1, =4f
    br      x1                      // to 4f, in the upper half
4:  mrs     x0, mpidr_el1           // the CPU's number is the lowest part of its name
    and     x0, x0, #0xff
    cmp     x0, #{max_cpus}
    b.hs    7f
    adrp    x1, __stacks_start      // this CPU's stack: the one at its number
    add     x1, x1, :lo12:__stacks_start
    add     x2, x0, #1
    ldr     x3, ={stack_stride}
    madd    x1, x2, x3, x1
    mov     sp, x1

    cbz     x20, 6f
    adrp    x1, __bss_start         // the first CPU clears what Rust expects to be 0
    add     x1, x1, :lo12:__bss_start
    adrp    x2, __bss_end
    add     x2, x2, :lo12:__bss_end
5:  cmp     x1, x2
    b.hs    6f
    str     xzr, [x1], #8
    b       5b

6:  mov     x1, x20
    mov     x29, #0
    mov     x30, #0
    b       enter                   // enter(number, is first)
7:  wfi
    b       7b
    .ltorg

// replace_upper(new, empty): lets TTBR1_EL1 be `new` instead of the boot table, whose leaves are larger. No CPU may
// find both, so the upper half is left meanwhile, for the same code in the lower.
    .section .text
    .globl replace_upper
replace_upper:
    adr     x2, 1f
    ldr     x3, ={upper}
    sub     x2, x2, x3
    br      x2
1:  msr     ttbr1_el1, x1
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     ttbr1_el1, x0
    isb
    ret
    .ltorg

// Blocks of 1 GiB: the first has the devices, the next two are memory. The root of four levels leads to them.
    .section .data.boot, "aw"
    .balign 4096
boot_table:
    .if {levels} == 4
    .quad   boot_blocks_phys + 3
    .balign 4096
    .endif
    .globl boot_blocks
boot_blocks:
    .quad   {device}
    .quad   0x40000000 + {memory}
    .quad   0x80000000 + {memory}
    .balign 4096
