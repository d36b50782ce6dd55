//! Deliberate faults, behind the test-only feature `faults`: the model walk must find each of them.

use std::cell::Cell;

use crate::call::Effect;

/// A defect to plant. The SIP ones live in `sip::fault`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A page is told twice that its call ended.
    DoubleFinish,
    /// A call's ports stay open.
    LeakedPort,
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault on this thread, or none.
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

pub(crate) fn double_finish(out: &mut Vec<Effect>) {
    if PLANTED.get() != Some(Fault::DoubleFinish) {
        return;
    }
    let again = out.iter().rev().find_map(|effect| match effect {
        Effect::Page { session, message } => Some((*session, message.clone())),
        _ => None,
    });
    if let Some((session, message)) = again {
        out.push(Effect::Page { session, message });
    }
}

pub(crate) fn leak_port() -> bool {
    PLANTED.get() == Some(Fault::LeakedPort)
}
