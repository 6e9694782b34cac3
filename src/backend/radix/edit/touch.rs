//! Setting the accessed and dirty bits for an MMU that faults on a clear one.

use crate::addr::VirtAddr;
use crate::area::MemoryArea;
use crate::backend::radix::entry::format::Format;
use crate::backend::radix::entry::transition::touch::{allows, touch};
use crate::backend::radix::hooks::New;
use crate::backend::radix::memory::Radix;
use crate::backend::radix::walk::find::{Found, entry};
use crate::backend::radix::walk::table::span;
use crate::backend::run::Entry;
use crate::permissions::Access;
use crate::platform::Platform;

impl<F: Format, P: Platform> Radix<F, P> {
    /// As [`Paging::touch`](crate::backend::Paging::touch), as RISC-V's MMU does with Svadu (Privileged, 'Virtual
    /// Address Translation Process', step 9). Whether user mode may use the page is not asked.
    pub(in crate::backend::radix) fn touch_leaf(
        &self,
        addr: VirtAddr,
        access: Access,
    ) -> Result<(), Entry> {
        let Found { word, value, level } = self.find(addr).ok_or(Entry::Empty)?;
        if is_marked::<F>(value, access) && allows::<F>(value, level, access) {
            return Ok(());
        }
        match touch::<F>(word, level, access) {
            Ok(before) if is_marked::<F>(before, access) => Ok(()),
            Ok(_) => {
                self.made_valid(MemoryArea::block(addr, span(level)), New::Leaves);
                Ok(())
            }
            Err(found) => Err(entry::<F>(found, addr, level)),
        }
    }
}

/// Whether a leaf has the bits that tell of `access`.
#[inline]
fn is_marked<F: Format>(leaf: u64, access: Access) -> bool {
    F::used(access) & !F::marks(leaf) == 0
}
