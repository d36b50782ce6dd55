//! pjsua2, the phone that knows 100rel, UPDATE and session timers: what it can do by itself, and calls with a page.

use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use tests::audio;
use tests::bot::{Bot, Login, Manner};
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, USERS, User};
use tests::pjsua2::{Pjsua2, Softphone, Use};
use tests::ringdown::Ringdown;
use tests::tone::Tone;

const SOON: Duration = Duration::from_secs(10);
/// The page's account.
const PAGE: User = USERS[1];
/// The phone's account.
const PHONE: User = USERS[0];
/// How much of a tone proves that a direction is heard, in seconds.
const HEARD: f64 = 1.5;

/// The harness itself. When this fails the fault is in the harness or the machine, not in Ringdown.
#[test]
fn two_phones_change_a_call_in_every_way() {
    case(|folder| {
        let (one, two) = Tone::pick_two();
        let strict = |user, tone| Softphone {
            reliable: Use::Required,
            timers: Use::Required,
            answers: None,
            ..Softphone::new(user, tone)
        };
        let mut caller = Pjsua2::start(folder, &strict(PAGE, one))?;
        let mut callee = Pjsua2::start(folder, &strict(PHONE, two))?;
        let out = caller.dial(&format!("sip:callee@{}", callee.sip))?;
        let call = callee.incoming(SOON)?;
        callee.answer(call, 180)?;
        request(&mut callee, "theirs", "PRACK")?;
        caller.state(out, "EARLY", SOON)?;
        callee.answer(call, 200)?;
        caller.state(out, "CONFIRMED", SOON)?;
        callee.state(call, "CONFIRMED", SOON)?;
        caller.hear(out, 2.0, SOON)?;
        callee.hear(call, 2.0, SOON)?;

        caller.hold(out)?;
        media(&mut callee, "remote hold", "recvonly")?;
        media(&mut caller, "local hold", "sendonly")?;
        caller.unhold(out)?;
        media(&mut callee, "active", "sendrecv")?;
        media(&mut caller, "active", "sendrecv")?;
        callee.update(call)?;
        request(&mut caller, "theirs", "UPDATE")?;
        callee.reinvite(call)?;
        request(&mut caller, "theirs", "INVITE")?;
        for by_info in [true, false] {
            caller.press(out, "5", by_info)?;
            let digit = callee.event("digit", SOON)?;
            let method = if by_info { "info" } else { "rfc4733" };
            ensure!(
                digit["digit"] == "5" && digit["method"] == method,
                "{digit}"
            );
        }
        let log = caller.log()?;
        ensure!(
            log.contains("Session-Expires: 1800"),
            "no session timer: {log}"
        );

        callee.hang_up(call)?;
        caller.state(out, "DISCONNECTED", SOON)?;
        heard(&caller, out, two, one)?;
        heard(&callee, call, one, two)
    });
}

/// The next final response to such a request is a 200.
fn request(phone: &mut Pjsua2, whose: &str, method: &str) -> Result<()> {
    let fields = [("whose", whose.into()), ("method", method.into())];
    let event = phone.event_with("request", &fields, SOON)?;
    ensure!(event["status"] == 200, "{event}");
    Ok(())
}

fn media(phone: &mut Pjsua2, status: &str, direction: &str) -> Result<()> {
    let fields = [("status", status.into()), ("direction", direction.into())];
    phone.event_with("media", &fields, SOON).map(drop)
}

fn heard(phone: &Pjsua2, call: u64, other: Tone, own: Tone) -> Result<()> {
    let heard = phone.heard(call)?;
    let check = audio::check_heard_for(&heard, other, own, HEARD);
    check.map(drop).map_err(Error::msg).context("at pjsua2")
}

#[test]
fn a_page_and_the_phone_call_each_other_through_kamailio() {
    case(|folder| {
        let proxy = Kamailio::start(folder)?;
        let mut line = Line::up(folder, Some(&proxy))?;
        line.the_page_calls(PHONE.name)?;
        let page = format!("sip:{}@{}", PAGE.name, proxy.addr);
        line.the_phone_calls(&page)
    });
}

#[test]
fn a_page_calls_the_phone_without_a_server() {
    case(|folder| {
        let mut line = Line::up(folder, None)?;
        line.the_page_calls("somebody")
    });
}

/// A page and the phone. Fields end in this order: the page first.
struct Line {
    page: Bot,
    phone: Pjsua2,
    _ringdown: Ringdown,
    page_tone: Tone,
    phone_tone: Tone,
}

impl Line {
    fn up(folder: &Folder, proxy: Option<&Kamailio>) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let softphone = Softphone {
            registrar: proxy.map(|proxy| proxy.addr),
            ..Softphone::new(PHONE, phone_tone)
        };
        let phone = Pjsua2::start(folder, &softphone)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let login = Login {
            user: PAGE,
            server: proxy.map_or(phone.sip, |proxy| proxy.addr),
            registers: proxy.is_some(),
        };
        Ok(Self {
            page: Bot::open(&ringdown, &login, Manner::Answers, page_tone)?,
            phone,
            _ringdown: ringdown,
            page_tone,
            phone_tone,
        })
    }

    /// The page calls, both hear the other, and the phone hangs up.
    fn the_page_calls(&mut self, callee: &str) -> Result<()> {
        let id = self.page.call(callee)?;
        let call = self.phone.incoming(SOON)?;
        self.page.wait_for(&id, "ESTABLISHED", SOON)?;
        self.phone.state(call, "CONFIRMED", SOON)?;
        self.phone.hear(call, 2.0 * HEARD, SOON)?;
        self.phone.hang_up(call)?;
        self.page.wait_for(&id, "FINISH", SOON)?;
        self.both_are_heard(&id, call)
    }

    /// The phone calls, both hear the other, and the page hangs up.
    fn the_phone_calls(&mut self, uri: &str) -> Result<()> {
        let call = self.phone.dial(uri)?;
        let id = self.page.incoming(0)?;
        self.phone.state(call, "CONFIRMED", SOON)?;
        self.phone.hear(call, 2.0 * HEARD, SOON)?;
        self.page.hang_up(&id)?;
        self.phone.state(call, "DISCONNECTED", SOON)?;
        self.page.wait_for(&id, "FINISH", SOON)?;
        self.both_are_heard(&id, call)
    }

    fn both_are_heard(&self, id: &str, call: u64) -> Result<()> {
        let at_page = self.page.heard(id)?;
        let check = audio::check_heard_for(&at_page, self.phone_tone, self.page_tone, HEARD);
        check.map_err(Error::msg).context("at the page")?;
        heard(&self.phone, call, self.page_tone, self.phone_tone)
    }
}
