//! Verbs that take something away, which every CPU has cached; and one that does not.

use super::Kernel;
use super::stage::{R, RW, Stage};
use crate::error::MapError;
use crate::manager::Settled;
use crate::permissions::Permissions;
use crate::testing::broken::{Broken, ensure};

/// A step on a stage.
type Act<K> = fn(&mut Stage<'_, K>) -> Result<(), Broken>;

/// A verb, on a space of its own.
pub(super) struct Case<K: Kernel> {
    pub(super) name: &'static str,
    /// What comes before: maps, and CPUs that cache them.
    pub(super) before: Act<K>,
    pub(super) verb: Act<K>,
    /// Whether it takes away what CPUs have cached, so that there must be a flush.
    pub(super) takes: bool,
}

/// The pages of a large leaf.
const BLOCK: usize = 512;

/// Maps physical memory, or lets anonymous memory come; and every CPU caches it.
fn mapped<K: Kernel>(stage: &mut Stage<'_, K>, first: usize, count: usize) -> Result<(), Broken> {
    let area = stage.pages(first, count);
    stage.map(area)?;
    stage.warm(area);
    Ok(())
}

fn owned<K: Kernel>(stage: &mut Stage<'_, K>, count: usize) -> Result<(), Broken> {
    let area = stage.pages(3, count);
    stage.anonymous(area)?;
    stage.warm(area);
    Ok(())
}

/// Deferred verbs are settled by a call of its own.
fn settle<K: Kernel>(stage: &mut Stage<'_, K>) -> Result<(), Broken> {
    let settled = stage.space.settle();
    let law = "a CPU that settles alone has settled all";
    ensure(settled == Settled::Done, law, || {
        alloc::format!("{settled:?}")
    })
}

/// All verbs, simple ones first.
pub(super) fn cases<K: Kernel>() -> [Case<K>; 15] {
    let case = |name, before: Act<K>, verb: Act<K>| Case {
        name,
        before,
        verb,
        takes: true,
    };
    [
        case(
            "unmap a page",
            |stage| owned(stage, 4),
            |stage| Ok(stage.space.unmap(stage.pages(4, 1))?),
        ),
        case(
            "unmap 200 pages",
            |stage| owned(stage, 200),
            |stage| Ok(stage.space.unmap(stage.pages(3, 200))?),
        ),
        case(
            "unmap a table of pages",
            |stage| mapped(stage, 1, BLOCK + 7),
            |stage| Ok(stage.space.unmap(stage.pages(0, 2 * BLOCK))?),
        ),
        case(
            "unmap a large leaf",
            |stage| mapped(stage, 0, BLOCK),
            |stage| Ok(stage.space.unmap(stage.pages(0, BLOCK))?),
        ),
        case(
            "unmap a page of a large leaf",
            |stage| mapped(stage, 0, BLOCK),
            |stage| Ok(stage.space.unmap(stage.pages(77, 1))?),
        ),
        case("unmap twenty places", twenty, |stage| {
            Ok(stage.space.unmap(stage.pages(0, 20 * 30))?)
        }),
        case(
            "protect pages: not to be written",
            |stage| owned(stage, 8),
            |stage| Ok(stage.space.protect(stage.pages(4, 3), R)?),
        ),
        case(
            "protect pages: not to be touched",
            |stage| owned(stage, 8),
            |stage| {
                Ok(stage
                    .space
                    .protect(stage.pages(4, 3), Permissions::empty())?)
            },
        ),
        case(
            "protect a page of a large leaf",
            |stage| mapped(stage, 0, BLOCK),
            |stage| Ok(stage.space.protect(stage.pages(77, 1), R)?),
        ),
        case(
            "move pages",
            |stage| owned(stage, 8),
            |stage| {
                Ok(stage
                    .space
                    .remap(stage.pages(3, 8), stage.pages(BLOCK + 1, 8))?)
            },
        ),
        case(
            "replace pages",
            |stage| mapped(stage, 3, 8),
            |stage| {
                let map = stage.physical(stage.pages(5, 3), 9)?;
                stage
                    .space
                    .replace_memory_map(map)
                    .map_err(MapError::from)?;
                Ok(stage.space.populate(stage.pages(5, 3))?)
            },
        ),
        case(
            "discard pages",
            |stage| owned(stage, 8),
            |stage| Ok(stage.space.discard(stage.pages(4, 5))?),
        ),
        case(
            "unmap pages, deferred",
            |stage| owned(stage, 8),
            |stage| {
                stage.space.unmap_deferred(stage.pages(4, 5))?;
                settle(stage)
            },
        ),
        case(
            "protect pages, deferred",
            |stage| owned(stage, 8),
            |stage| {
                stage.space.protect_deferred(stage.pages(4, 5), R)?;
                settle(stage)
            },
        ),
        Case {
            takes: false,
            ..case("map pages where nothing was", nothing, |stage| {
                let area = stage.pages(3, 8);
                stage.map(area)?;
                Ok(stage.space.protect(area, RW)?)
            })
        },
    ]
}

/// More places than one flush names.
fn twenty<K: Kernel>(stage: &mut Stage<'_, K>) -> Result<(), Broken> {
    for place in 0..20 {
        let area = stage.pages(30 * place, 2);
        stage.map(area)?;
    }
    stage.warm(stage.pages(0, 20 * 30));
    Ok(())
}

/// Every CPU may remember that nothing is there.
fn nothing<K: Kernel>(stage: &mut Stage<'_, K>) -> Result<(), Broken> {
    stage.warm(stage.pages(3, 8));
    Ok(())
}
