//! rsemu's RISC-V: Sv39 with Svadu, without Svpbmt and Svnapot.

use kernel_vm::Access;
use kernel_vm::backend::mock::machine::{Cause, Extensions, RiscV};
use rsemu::cpu::riscv::csr::{self, Csrs, Priv};
use rsemu::cpu::riscv::isa::Xlen;
use rsemu::cpu::riscv::mmu::{self, Fault, PhysMem, ReadPte, translate};

use crate::author::{Author, Difference, as_it_is};
use crate::differences::{pointers_without_marks, section};
use crate::isa::riscv::satp;
use crate::isa::{Hart, Sv};
use crate::random::Random;
use crate::tables::Tables;

pub struct RsemuRiscv {
    csrs: Csrs,
    mode: Priv,
    memory: Memory,
}

struct Memory(Tables);

impl ReadPte for Memory {
    fn read_pte(&mut self, at: u64, _bytes: u32) -> Option<u64> {
        self.0.word(at)
    }
}

impl PhysMem for Memory {
    fn write_pte(&mut self, at: u64, _bytes: u32, word: u64) -> Option<()> {
        self.0.put(at, word)
    }
}

impl Author<Sv<3>> for RsemuRiscv {
    type Fault = Fault;

    const NAME: &'static str = "rsemu";
    const SETS_MARKS: bool = true;

    fn cpus(_: &mut Random) -> RiscV {
        RiscV::new(Extensions::new().with_svadu(true))
    }

    fn mode(random: &mut Random) -> Hart {
        Hart::any(random)
    }

    fn new(_: RiscV) -> Self {
        Self {
            csrs: Csrs::new(Xlen::Rv64, csr::Extensions::GC, 0, 0),
            mode: Priv::Supervisor,
            memory: Memory(Tables::default()),
        }
    }

    fn load(&mut self, root: u64, tables: &Tables) {
        self.csrs.satp = satp(3, root);
        self.memory = Memory(tables.clone());
    }

    fn enter(&mut self, mode: Hart) {
        self.csrs.mstatus = u64::from(mode.sum) << 18 | u64::from(mode.mxr) << 19;
        self.mode = if mode.is_user {
            Priv::User
        } else {
            Priv::Supervisor
        };
    }

    fn ask(&mut self, vaddr: u64, access: Access) -> Result<u64, Fault> {
        let kind = match access {
            Access::Read => mmu::Access::Load,
            Access::Write => mmu::Access::Store,
            Access::Execute => mmu::Access::Fetch,
        };
        translate(&self.csrs, &mut self.memory, vaddr, kind, self.mode)
    }

    fn word(&self, at: u64) -> u64 {
        self.memory.0.word(at).unwrap()
    }

    fn put(&mut self, at: u64, word: u64) {
        self.memory.0.put(at, word).unwrap();
    }

    fn fault(cause: Cause) -> Fault {
        match cause {
            Cause::InstructionPageFault | Cause::LoadPageFault | Cause::StorePageFault => {
                Fault::Page
            }
            _ => Fault::Access,
        }
    }

    fn differences() -> Vec<Difference<Sv<3>>> {
        vec![Difference {
            name: "D, A and U of a pointer",
            section: section::POINTER_MARKS,
            amend: pointers_without_marks,
            adjust: as_it_is,
        }]
    }
}
