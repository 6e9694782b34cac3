//! The suites without seeds ask what they asked before: a change that asks less fails here, and is to be meant.

use kernel_vm::backend::mock::{HostFrames, MockBackend};
use kernel_vm::testing::{self, Trace};

use super::asked::Asked;
use super::digest::Digest;

#[test]
fn the_laws_of_page_tables_ask_what_they_asked_before() {
    let [laws, reservations] = [(); 2].map(|()| Digest::new());
    let table = |asked: &Digest| Asked::new(MockBackend::new(), asked);
    let in_use = |table: &Asked<MockBackend>| table.inner.reservations();
    let fail = |table: &Asked<MockBackend>, n| table.inner.fail_reservation(n);
    testing::page_table(|| table(&laws), in_use).unwrap();
    testing::reservations(|| table(&reservations), in_use, fail).unwrap();
    assert_eq!(
        [laws.get(), reservations.get()],
        [14_365_059_726_396_728_742, 7_053_720_441_772_760_365]
    );
}

#[test]
fn the_laws_of_frames_ask_what_they_asked_before() {
    let asked = Digest::new();
    let frames = HostFrames::new(64);
    let make = || Asked::new(MockBackend::with_platform(frames.clone()), &asked);
    let in_use = |table: &Asked<MockBackend<HostFrames>>| {
        frames.frames_in_use() + table.inner.reservations()
    };
    testing::paging(make, in_use).unwrap();
    assert_eq!(asked.get(), 6_064_211_883_217_306_240);
}

#[test]
fn a_trace_asks_what_it_asked_before() {
    let text = "init 1000-5000 rw-p\ninit 200000-600000 r--s\nmap 3000-5000 r-xp\nprotect 4000-5000 -w-\n\
                unmap 300000-301000\nremap 3000-4000 9000-a000\nremap 1000-2000 20000-24000\n\
                remap 400000-600000 400000-700000\nfinal 2000-3000 rw-p\nfinal 4000-5000 -w-p\n\
                final 9000-a000 r-xp\nfinal 20000-24000 rw-p\nfinal 200000-300000 r--s\n\
                final 301000-700000 r--s";
    let (asked, trace) = (Digest::new(), Trace::parse(text.as_bytes()).unwrap());
    let table = Asked::new(MockBackend::new(), &asked);
    let checked = testing::replay(&trace, table).unwrap();
    assert_eq!((checked.compared, checked.read_back), (1286, 1286));
    assert_eq!(asked.get(), 12_706_287_364_845_687_041);
}
