//! What the tables on the way to a leaf take from it.

bitflags::bitflags! {
    /// The attributes of a table descriptor that hold for all below it, where they stand in the word. Of several
    /// tables, what any takes is taken ('Hierarchical control of data access permissions', 'Hierarchical control of
    /// instruction fetching').
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Path: u64 {
        /// PXNTable: EL1 cannot execute.
        const PXN = 1 << 59;
        /// UXNTable: EL0 cannot execute.
        const UXN = 1 << 60;
        /// APTable\[0\]: EL0 can neither load nor store.
        const NO_EL0 = 1 << 61;
        /// APTable\[1\]: nobody can store.
        const READ_ONLY = 1 << 62;
    }
}
