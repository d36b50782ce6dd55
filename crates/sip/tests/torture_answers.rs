//! The torture messages of RFC 4475 from a trusted source: the answer each deserves (column
//! `gateway_action`), after each an OPTIONS is answered, and a call that is up is unharmed.
#![allow(missing_docs, clippy::unwrap_used)]
mod bench;

use bench::*;
use bytes::Bytes;
use sip::{Event, Method};

/// File, and our answer; none: silence. INVITEs for users we do not know are 404, wsinv.dat has a To tag: 481. Where the
/// table leaves the choice, this is ours.
const ANSWERS: &[(&str, &[u16])] = &[
    ("wsinv.dat", &[481]),
    ("intmeth.dat", &[501]),
    ("esc01.dat", &[404]),
    ("escnull.dat", &[405]),
    ("esc02.dat", &[501]),
    ("lwsdisp.dat", &[200]),
    ("longreq.dat", &[404]),
    ("dblreq.dat", &[405]),
    ("semiuri.dat", &[200]),
    ("transports.dat", &[200]),
    ("mpart01.dat", &[415]),
    ("unreason.dat", &[]),
    ("noreason.dat", &[]),
    ("badinv01.dat", &[400]),
    ("clerr.dat", &[400]),
    ("ncl.dat", &[400]),
    ("scalar02.dat", &[400]),
    ("scalarlg.dat", &[]),
    ("quotbal.dat", &[400]),
    ("ltgtruri.dat", &[400]),
    ("lwsruri.dat", &[400]),
    ("lwsstart.dat", &[400]),
    ("trws.dat", &[400]),
    ("escruri.dat", &[400]),
    ("baddate.dat", &[404]),
    ("regbadct.dat", &[400]),
    ("badaspec.dat", &[400]),
    ("baddn.dat", &[400]),
    ("baddn-terminated.dat", &[400]),
    ("badvers.dat", &[505]),
    ("mismatch01.dat", &[400]),
    ("mismatch02.dat", &[400]),
    ("bigcode.dat", &[]),
    ("badbranch.dat", &[200]),
    ("insuf.dat", &[400]),
    ("unkscm.dat", &[416]),
    ("novelsc.dat", &[416]),
    ("unksm2.dat", &[405]),
    ("bext01.dat", &[420]),
    ("invut.dat", &[415]),
    ("regaut01.dat", &[405]),
    ("multi01.dat", &[400]),
    ("mcl01.dat", &[400]),
    ("bcast.dat", &[]),
    ("zeromf.dat", &[200]),
    ("cparam01.dat", &[405]),
    ("cparam02.dat", &[405]),
    ("regescrt.dat", &[405]),
    ("sdp01.dat", &[406]),
    ("inv2543.dat", &[404]),
];

fn statuses(bench: &mut Bench) -> Vec<u16> {
    let refusals = bench
        .refusals
        .drain(..)
        .map(|text| text[8..11].parse().unwrap());
    let refusals: Vec<u16> = refusals.collect();
    let sent = bench.sent.drain(..).map(|sent| match sent.message {
        sip::Message::Response(response) => response.status,
        sip::Message::Request(request) => panic!("{request:?}"),
    });
    sent.chain(refusals).collect()
}

#[test]
fn every_torture_message_gets_its_answer_and_harms_nothing() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/rfc4475/"
    );
    let mut failures = Vec::new();
    for (file, wanted) in ANSWERS {
        let bytes =
            std::fs::read(format!("{folder}{file}")).unwrap_or_else(|e| panic!("{file}: {e}"));
        let mut bench = Bench::new();
        let (_, contact) = bench.registered();
        let (call, invite, _) = bench.established();
        bench.receive_bytes(&pbx(), Bytes::from(bytes));
        let got = statuses(&mut bench);
        if got != *wanted {
            failures.push(format!("{file}: {got:?}, not {wanted:?}"));
        }
        bench.no_event();
        let options = bench.fresh_request(Method::Options, contact);
        bench.pbx_sends(&options);
        bench.response(200);
        let options = bench.peer_request(&invite, Method::Options, 5, "peer");
        bench.pbx_sends(&options);
        bench.response(200);
        bench.act(|ua, now| ua.end(call, now));
        let bye = bench.request(Method::Bye);
        bench.reply(&bye, 200);
        assert!(matches!(bench.event(), Event::Ended { .. }), "{file}");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn from_a_stranger_none_of_them_gets_any() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/rfc4475/"
    );
    let mut bench = Bench::new();
    bench.registered();
    for (file, _) in ANSWERS {
        let bytes = std::fs::read(format!("{folder}{file}")).unwrap();
        bench.receive_bytes(&udp("198.51.100.66:5060"), Bytes::from(bytes));
        assert_eq!(statuses(&mut bench), Vec::<u16>::new(), "{file}");
    }
    bench.no_event();
}
