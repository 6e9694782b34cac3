//! The suites that have no seeds ask what they asked before. Any change of that fails here: it is to be meant, and above
//! all one that asks less.

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
        laws.text(),
        "1458194 entry, 1319 map, 2446 populated, 495 protect, 3894 reserve, 2049 retire, 20 settle, 273 shift, \
         75 supports, 1258 unmap, 2404 unreserve, 0x85e714d68ef1f597"
    );
    assert_eq!(
        reservations.text(),
        "16 entry, 1 map, 10 populated, 11 reserve, 2 retire, 2 unmap, 4 unreserve, 0xfeffbcf570e6e6a3"
    );
}

#[test]
fn the_laws_of_frames_ask_what_they_asked_before() {
    let asked = Digest::new();
    let frames = HostFrames::new(64);
    let make = || Asked::new(MockBackend::with_platform(frames.clone()), &asked).over(&frames);
    let in_use = |table: &Asked<MockBackend<HostFrames>>| {
        frames.frames_in_use() + table.inner.reservations()
    };
    testing::paging(make, in_use).unwrap();
    assert_eq!(
        asked.text(),
        "132 entry, 4 exchange, 1 fence, 5 hold, 3 hold_alone, 25 install, 4 install_at_once, 12 map, 8 \
         map_at_once, 5 permit, 107 populated, 11 protect, 64 reserve, 73 retire, 3 retire_into, 2 share_into, 4 \
         take_accessed, 4 take_dirty, 14 touch, 44 unmap, 78 unreserve, 0xc794b50078cc7706"
    );
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
    assert_eq!(
        asked.text(),
        "1286 entry, 16 map, 4 populated, 1 protect, 26 reserve, 7 retire, 2 shift, 6 supports, 9 unmap, 18 \
         unreserve, 0x2236862aacc27fc5"
    );
}
