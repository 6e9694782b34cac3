//! The machines that the kernel is for: how each is built for, and which modes it has.

/// One of QEMU's machines, for one architecture.
#[derive(Debug)]
pub struct Machine {
    /// What the kernel calls the architecture.
    pub arch: &'static str,
    pub target: &'static str,
    pub qemu: &'static str,
    /// Debian's package of it.
    pub package: &'static str,
    pub args: &'static [&'static str],
    pub modes: &'static [Mode],
}

/// A mode of the MMU.
#[derive(Debug)]
pub struct Mode {
    /// What the kernel calls it.
    pub name: &'static str,
    /// The feature of the kernel that stands for it; the machine's first mode has none.
    pub feature: Option<&'static str>,
    /// It is booted on so many CPUs each time.
    pub cpus: &'static [usize],
}

pub const MACHINES: &[Machine] = &[RISCV64, X86_64, AARCH64];

const RISCV64: Machine = Machine {
    arch: "riscv64",
    target: "riscv64gc-unknown-none-elf",
    qemu: "qemu-system-riscv64",
    package: "qemu-system-misc opensbi",
    args: &[
        "-machine",
        "virt",
        "-cpu",
        "rv64",
        "-nographic",
        "-bios",
        "default",
    ],
    modes: &[
        Mode {
            name: "sv39",
            feature: None,
            cpus: &[1, 4],
        },
        Mode {
            name: "sv48",
            feature: Some("sv48"),
            cpus: &[1, 4],
        },
        Mode {
            name: "sv57",
            feature: Some("sv57"),
            cpus: &[1, 4],
        },
    ],
};

const X86_64: Machine = Machine {
    arch: "x86_64",
    target: "x86_64-unknown-none",
    qemu: "qemu-system-x86_64",
    package: "qemu-system-x86",
    args: &[
        "-machine",
        "q35",
        "-cpu",
        "max",
        "-accel",
        "tcg,thread=multi",
        "-nodefaults",
        "-display",
        "none",
        "-serial",
        "stdio",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=4",
    ],
    modes: &[
        Mode {
            name: "4-level",
            feature: None,
            cpus: &[1, 4],
        },
        Mode {
            name: "5-level",
            feature: Some("la57"),
            cpus: &[4],
        },
    ],
};

const AARCH64: Machine = Machine {
    arch: "aarch64",
    target: "aarch64-unknown-none-softfloat",
    qemu: "qemu-system-aarch64",
    package: "qemu-system-arm",
    args: &[
        "-machine",
        "virt,gic-version=2",
        "-cpu",
        "max",
        "-accel",
        "tcg,thread=multi",
        "-nodefaults",
        "-display",
        "none",
        "-serial",
        "stdio",
    ],
    modes: &[
        Mode {
            name: "48-bit",
            feature: None,
            cpus: &[1, 4],
        },
        Mode {
            name: "39-bit",
            feature: Some("va39"),
            cpus: &[4],
        },
    ],
};
