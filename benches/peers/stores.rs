//! All stores at one size, each filled when a bench that was selected asks for it.

use std::cell::{OnceCell, RefCell};

use ::kernel_vm::{MapError, Permissions};

use super::Store;
use super::btreemap::Btreemap;
use super::kernel_vm::KernelVm;
use super::memory_set::MemorySet;
use super::nodit::Nodit;
use super::plain_scan::PlainScan;
use super::rangemap::Rangemap;
use super::sorted_vec::SortedVec;
use crate::workload::{PAGE, WORST_GAP, Wide, Workload};

/// All stores at one size, and the areas that fill them.
pub(crate) struct Stores {
    pub(crate) size: usize,
    work: OnceCell<Workload>,
    pub(crate) kernel_vm: Lazy<KernelVm>,
    pub(crate) btreemap: Lazy<Btreemap>,
    memory_set: Lazy<MemorySet>,
    rangemap: Lazy<Rangemap>,
    nodit: Lazy<Nodit>,
    sorted_vec: Lazy<SortedVec>,
    plain_scan: Lazy<PlainScan>,
}

/// A store that is filled when it is first asked for, and then shared by all groups.
pub(crate) struct Lazy<S>(OnceCell<RefCell<S>>);

/// What is done with every store.
pub(crate) trait Visitor {
    fn visit<S: Store>(&mut self, stores: &Stores, store: &Lazy<S>);
}

impl Stores {
    pub(crate) const fn new(size: usize) -> Self {
        Self {
            size,
            work: OnceCell::new(),
            kernel_vm: Lazy::new(),
            btreemap: Lazy::new(),
            memory_set: Lazy::new(),
            rangemap: Lazy::new(),
            nodit: Lazy::new(),
            sorted_vec: Lazy::new(),
            plain_scan: Lazy::new(),
        }
    }

    pub(crate) fn work(&self) -> &Workload {
        self.work.get_or_init(|| Workload::new(self.size))
    }

    pub(crate) fn visit(&self, visitor: &mut impl Visitor) {
        visitor.visit(self, &self.kernel_vm);
        visitor.visit(self, &self.btreemap);
        visitor.visit(self, &self.memory_set);
        visitor.visit(self, &self.rangemap);
        visitor.visit(self, &self.nodit);
        visitor.visit(self, &self.sorted_vec);
        visitor.visit(self, &self.plain_scan);
    }
}

impl<S: Store> Lazy<S> {
    const fn new() -> Self {
        Self(OnceCell::new())
    }

    pub(crate) fn get(&self, stores: &Stores) -> &RefCell<S> {
        self.0.get_or_init(|| {
            let work = stores.work();
            let mut store = S::filled(&work.entries);
            prove(&mut store, work).expect("no edit of the benches conflicts");
            RefCell::new(store)
        })
    }
}

/// Whether `store` does all of its duties: what does less is no peer.
fn prove<S: Store>(store: &mut S, work: &Workload) -> Result<(), MapError> {
    let size = work.entries.len();
    let other = Permissions::READ;
    for &Wide { whole, page } in work.wide().iter().take(3) {
        store.remove_insert(&whole)?;
        store.unmap_middle(&whole, &page)?;
        store.protect_middle(&whole, &page, other)?;
        assert_eq!(store.len(), size, "{}: one area again", S::NAME);

        assert!(store.insert(page).is_err(), "{}: it is taken", S::NAME);
        store.unmap(page.area)?;
        assert_eq!(store.lookup(page.start()), None, "{}: a hole", S::NAME);
        assert!(store.protect(page.area, other).is_err(), "{}", S::NAME);
        assert_eq!(store.len(), size + 1, "{}: two parts", S::NAME);
        store.unmap(whole.area)?;
        assert_eq!(store.len(), size - 1, "{}: both gone", S::NAME);

        store.insert(whole)?;
        store.protect(page.area, other)?;
        assert_eq!(store.len(), size + 2, "{}: three parts", S::NAME);
        for addr in [whole.start(), page.start(), page.end(), whole.end()] {
            assert_eq!(store.lookup(addr), whole.translate(addr), "{}", S::NAME);
        }
        store.protect(whole.area, other)?;
        store.unmap(whole.area)?;
        assert_eq!(store.len(), size - 1, "{}: all parts gone", S::NAME);
        store.insert(whole)?;
    }
    let [first, last] = work.gap_starts();
    assert_eq!(store.find_gap(PAGE, work.window), Some(first));
    assert_eq!(store.find_gap(WORST_GAP, work.window), Some(last));
    let mut mapped = work.uniform().iter().chain(work.local()).step_by(1000);
    assert!(mapped.all(|&addr| store.lookup(addr).is_some()));
    let mut missing = work.missing().iter().step_by(1000);
    assert!(missing.all(|&addr| store.lookup(addr).is_none()));
    Ok(())
}
