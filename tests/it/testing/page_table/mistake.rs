//! The mistakes, and the law that each of them breaks first.

/// What a page table does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// The root is elsewhere each time.
    RootMoves,
    MapsOnePageLess,
    UnmapsOnePageLess,
    ForgetsMemoryTypes,
    /// A map ends where it finds a page.
    MapStopsAtAPage,
    ProtectsNothing,
    /// A reservation beside another is empty.
    OneReservationAtATime,
    /// An unmap takes all 512 pages around.
    UnmapsBlocks,
    /// Memory is leaked by an unmap that finds no page.
    UnmapOfNothingLeaks,
    /// Memory is leaked by an unmap that finds hidden pages alone.
    UnmapOfHiddenLeaks,
    /// A protect changes all 512 pages around.
    ProtectsBlocks,
    /// Hidden pages are unmapped.
    HidingUnmaps,
    /// Memory is leaked by a protect that finds no page.
    ProtectOfNothingLeaks,
    PopulatedUnclipped,
    /// Nothing is mapped while somebody reads.
    ReadersShutMapsOut,
    GrantsAnything,
    /// A reservation is leaked unless an edit was made with it.
    LeaksUnused,
    LeaksReservations,
    /// Behind an unmap, nothing is reserved.
    ReservesUpToAnUnmap,
    ShiftsNothing,
    /// Memory is leaked where one flush is for many edits.
    RetiresSixEdits,
    /// Memory is leaked where nothing was edited.
    RetiringNothingLeaks,
    /// Edits whose notes were dropped are never retired.
    RetiresWhatItIsTold,
    SettlesNothing,
    /// Edits are settled one at a time.
    SettlesOneEdit,
    /// A page is there with more permissions where nothing was reserved.
    UnreservedProtectsNothing,
    /// A map without a reservation loses the pages that it finds.
    UnreservedMapHides,
    /// An unmap across the borders of the ranges does nothing.
    UnmapsWithinRanges,
    /// Addresses of frames are cut off.
    CutsFrames,
    /// Of many edits, the last ones are wrong.
    Tires,
    /// No frame is said to be needed.
    NeedsNothing,
}

const MAPPED: &str = "what is mapped is there, and nothing else";

pub(super) const MISTAKES: [(Mistake, &str); 31] = [
    (Mistake::RootMoves, "a new page table is empty"),
    (Mistake::MapsOnePageLess, MAPPED),
    (Mistake::UnmapsOnePageLess, MAPPED),
    (Mistake::LeaksReservations, MAPPED),
    (
        Mistake::ForgetsMemoryTypes,
        "an entry says all that was mapped: frame, permissions and memory type",
    ),
    (Mistake::MapStopsAtAPage, "mapping leaves what is there"),
    (
        Mistake::ProtectsNothing,
        "the first and the last page of each range can be mapped, protected and unmapped",
    ),
    (
        Mistake::OneReservationAtATime,
        "two CPUs can map the same place: who comes second finds the first's leaves",
    ),
    (Mistake::UnmapsBlocks, "unmapping a part leaves the rest"),
    (
        Mistake::UnmapOfNothingLeaks,
        "unmapping skips what is absent",
    ),
    (
        Mistake::UnmapOfHiddenLeaks,
        "unmapping piece by piece gives everything back",
    ),
    (
        Mistake::ProtectsBlocks,
        "protecting changes permissions, and nothing else",
    ),
    (
        Mistake::HidingUnmaps,
        "protecting to no permissions hides a leaf, and protecting back shows it",
    ),
    (
        Mistake::ProtectOfNothingLeaks,
        "protecting leaves absent what is absent",
    ),
    (
        Mistake::PopulatedUnclipped,
        "populated answers what lies in an area, cut at its borders",
    ),
    (
        Mistake::ReadersShutMapsOut,
        "populated can be read while pages are mapped",
    ),
    (
        Mistake::GrantsAnything,
        "a reservation for what cannot be is refused with the reason",
    ),
    (
        Mistake::LeaksUnused,
        "giving a reservation back changes nothing",
    ),
    (
        Mistake::ReservesUpToAnUnmap,
        "edits that were reserved together can be made together",
    ),
    (Mistake::ShiftsNothing, "pages can move within one leaf"),
    (
        Mistake::RetiresSixEdits,
        "one flush retires any number of edits",
    ),
    (
        Mistake::RetiringNothingLeaks,
        "retiring nothing changes nothing",
    ),
    (
        Mistake::RetiresWhatItIsTold,
        "what a dropped Retired told of is settled by the next",
    ),
    (
        Mistake::SettlesNothing,
        "deferred edits are settled under a shared borrow",
    ),
    (Mistake::SettlesOneEdit, "deferred edits add up"),
    (
        Mistake::UnreservedProtectsNothing,
        "an edit without a reservation leaves pages out at worst",
    ),
    (
        Mistake::UnreservedMapHides,
        "an edit without a reservation leaves pages out at worst",
    ),
    (Mistake::UnmapsWithinRanges, "an absurd edit does not panic"),
    (
        Mistake::CutsFrames,
        "a frame that no entry can hold is not mistaken for another",
    ),
    (
        Mistake::Tires,
        "random edits leave every page as a model with one entry a page has it",
    ),
    (
        Mistake::NeedsNothing,
        "a reservation that fails at any of its allocations changes nothing, and says how many frames it needs",
    ),
];
