//! Deliberate faults, behind the test-only feature `faults`: a walk over whole calls must find each of them.

use std::cell::Cell;

/// A defect to plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The ACK of a 2xx is never sent.
    LostAck,
    /// A CANCEL after our 2xx is answered with 487 all the same.
    LateCancelAccepted,
    /// A 2xx that crosses our CANCEL is ACKed, but its dialog is not left.
    MissingBye,
    /// An offer of the peer gets a second final response.
    OfferAnsweredTwice,
    /// A 2xx makes its early dialog anew, and with it our CSeq.
    CseqReset,
    /// A CANCEL of a re-INVITE ends the call.
    ReinviteCancelEndsCall,
    /// A PRACK waits until its own INVITE is answered.
    PrackHeldUp,
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault on this thread, or none.
pub fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
