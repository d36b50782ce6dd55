//! Our Phone page against SIP peers that follow a script (SIPp), which checks every answer it gets.

use std::time::Duration;

use tests::browser::Browser;
use tests::folder::case;
use tests::kamailio::USERS;
use tests::page::PhonePage;
use tests::picture::Colour;
use tests::ringdown::Ringdown;
use tests::sipp::Sipp;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn what_a_peer_asks_within_a_call_is_answered_and_the_call_lives() {
    case(|folder| {
        let mut peer = Sipp::start(folder, "asks_in_dialog")?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let ((tone, _), (colour, _)) = (Tone::pick_two(), Colour::pick_two());
        let browser = Browser::open(folder, &ringdown.page("phone"), tone, colour)?;
        let mut page = PhonePage::new(browser);
        page.connect_without_registering(USERS[0], peer.addr)?;
        page.call("asks")?;
        // The script hangs up only after it has got every answer, within moments of its own; a call that did not live
        // would end as FAILED.
        peer.passed(Duration::from_secs(30))?;
        page.call_status("FINISH", SOON)?;
        page.check_no_problems()
    });
}
