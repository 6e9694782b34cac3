//! What a leaf allows, to whom.

use super::cpus::AArch64;
use super::descriptor::Descriptor;
use super::path::Path;
use super::registers::Registers;
use crate::backend::mock::machine::privilege::Privilege;
use crate::permissions::Access;

bitflags::bitflags! {
    /// All that a leaf allows ('Memory access control': 'Data access permission controls', 'Instruction execution
    /// permission controls').
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Rights: u8 {
        const EL1_READ = 1 << 0;
        const EL1_WRITE = 1 << 1;
        const EL1_EXECUTE = 1 << 2;
        const EL0_READ = 1 << 3;
        const EL0_WRITE = 1 << 4;
        const EL0_EXECUTE = 1 << 5;
        /// What EL1 may while PSTATE.PAN is set.
        const PAN_READ = 1 << 6;
        const PAN_WRITE = 1 << 7;
    }
}

impl Rights {
    /// The rights that the leaf gives, and the tables on the way leave it.
    ///
    /// 'A memory location that is writable from EL0 is never executable from EL1', whatever PXN says; and with WXN,
    /// what one can write one cannot execute.
    pub(super) fn of(leaf: Descriptor, path: Path, cpus: AArch64) -> Self {
        let el1_write = leaf.is_writable(cpus.hafdbs) && !path.contains(Path::READ_ONLY);
        let el0_read = leaf.is_for_el0() && !path.contains(Path::NO_EL0);
        let el0_write = el0_read && el1_write;
        let is_pxn = leaf.is_pxn() || path.contains(Path::PXN) || el0_write;
        let is_uxn = leaf.is_uxn() || path.contains(Path::UXN);
        let is_for_el0 = el0_read || cpus.epan && !is_uxn;
        let mut rights = Self::EL1_READ;
        rights.set(Self::EL1_WRITE, el1_write);
        rights.set(Self::EL1_EXECUTE, !(is_pxn || cpus.wxn && el1_write));
        rights.set(Self::EL0_READ, el0_read);
        rights.set(Self::EL0_WRITE, el0_write);
        rights.set(Self::EL0_EXECUTE, !(is_uxn || cpus.wxn && el0_write));
        rights.set(Self::PAN_READ, !is_for_el0);
        rights.set(Self::PAN_WRITE, !is_for_el0 && el1_write);
        rights
    }

    /// Whether `access` is allowed in the mode that the registers say.
    pub(super) fn allow(self, access: Access, registers: &Registers) -> bool {
        let needed = match (registers.privilege, access) {
            (Privilege::User, Access::Read) => Self::EL0_READ,
            (Privilege::User, Access::Write) => Self::EL0_WRITE,
            (Privilege::User, Access::Execute) => Self::EL0_EXECUTE,
            (Privilege::Supervisor, Access::Read) if registers.pan => Self::PAN_READ,
            (Privilege::Supervisor, Access::Write) if registers.pan => Self::PAN_WRITE,
            (Privilege::Supervisor, Access::Read) => Self::EL1_READ,
            (Privilege::Supervisor, Access::Write) => Self::EL1_WRITE,
            (Privilege::Supervisor, Access::Execute) => Self::EL1_EXECUTE,
        };
        self.contains(needed)
    }
}
