//! Edits of the maps, beside an array with an entry for each page.
#![no_main]

mod input;
mod look;
mod model;
mod page;
mod span;
mod subject;
mod verbs;

use kernel_vm::Node;
use kernel_vm_fuzz::Ops;
use libfuzzer_sys::fuzz_target;

use input::{Few, Field, Input, Op};
use page::Tag;
use subject::Subject;

fn run(nodes: Option<&'static mut [Node<Tag>]>, field: Field, ops: Ops<Op>) {
    let mut subject = Subject::new(nodes);
    let room = subject.room();
    subject.scatter(field);
    for op in ops.0 {
        subject.apply(op);
    }
    subject.compare();
    subject.remove_all();
    assert_eq!(
        subject.room(),
        room.filter(|_| subject.is_fixed),
        "nodes lost"
    );
}

fuzz_target!(|input: Input| {
    let Some(Few(count)) = input.nodes else {
        run(None, input.field, input.ops);
        return;
    };
    // Leaked for as long as the space lives: a minute of runs would not fit in memory otherwise.
    let nodes: Box<[Node<Tag>]> = (0..count).map(|_| Node::new()).collect();
    let nodes = Box::into_raw(nodes);
    // SAFETY: the box was given up above, and this is the only reference until it is made again.
    run(Some(unsafe { &mut *nodes }), input.field, input.ops);
    // SAFETY: the space had the only reference, and `run` has dropped it.
    drop(unsafe { Box::from_raw(nodes) });
});
