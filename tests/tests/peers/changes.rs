//! Calls that change while they live, with phones that have their own way of doing it: hold and resume, reliable
//! provisional responses, session timers, re-INVITE, UPDATE, INFO. The page has no browser.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Error, Result, ensure};
use serde_json::{Value, json};
use tests::audio;
use tests::bot::{Bot, Login, Manner, Press};
use tests::capture::{Capture, Ports, Side};
use tests::folder::{Folder, case};
use tests::kamailio::{Kamailio, Role, USERS, User};
use tests::pjsua2::{Pjsua2, Softphone, Use};
use tests::ringdown::Ringdown;
use tests::tone::Tone;
use tests::wav::Recording;
use tests::{netns, ports, wait};

const SOON: Duration = Duration::from_secs(10);
/// The page's account.
const PAGE: User = USERS[1];
/// The phone's account.
const PHONE: User = USERS[0];
/// How much of a tone proves that a direction is heard, in seconds.
pub(crate) const HEARD: f64 = 1.0;
/// How long a held call is listened to, in seconds.
pub(crate) const HELD: f64 = 1.0;
/// How long sound that was on its way may still be heard after a call was held, in seconds.
pub(crate) const ON_ITS_WAY: f64 = 0.3;
/// The shortest session interval there is.
const SESSION: Duration = Duration::from_secs(90);
/// The shortest one that a proxy lets pass.
const PROXYS_MIN_SE: Duration = Duration::from_secs(100);
/// A second of G.711.
const PACKETS: u64 = 50;

/// A page and pjsua2, both registered at Kamailio. Fields end in this order: the page first.
struct Line {
    page: Bot,
    phone: Pjsua2,
    _ringdown: Ringdown,
    proxy: Kamailio,
    page_tone: Tone,
    phone_tone: Tone,
}

/// A call that is up: its id at the page and its number at the phone.
struct Talk {
    id: String,
    call: u64,
}

/// How much each side had heard of a call, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) page: f64,
    pub(crate) phone: f64,
}

impl Line {
    fn up(folder: &Folder, change: impl FnOnce(&mut Softphone)) -> Result<Self> {
        Self::with(folder, &[], change)
    }

    /// With settings of the server, and a phone that is other than usual.
    fn with(
        folder: &Folder,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut Softphone),
    ) -> Result<Self> {
        Self::behind(Kamailio::start(folder)?, folder, settings, change)
    }

    /// The same with a proxy of another role.
    fn behind(
        proxy: Kamailio,
        folder: &Folder,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut Softphone),
    ) -> Result<Self> {
        let (page_tone, phone_tone) = Tone::pick_two();
        let mut softphone = Softphone {
            registrar: Some(proxy.addr),
            ..Softphone::new(PHONE, phone_tone)
        };
        change(&mut softphone);
        let phone = Pjsua2::start(folder, &softphone)?;
        let ringdown = Ringdown::serve(folder, settings)?;
        let login = Login {
            user: PAGE,
            server: proxy.addr,
            registers: true,
        };
        Ok(Self {
            page: Bot::open(&ringdown, &login, Manner::Answers, page_tone)?,
            phone,
            _ringdown: ringdown,
            proxy,
            page_tone,
            phone_tone,
        })
    }

    /// The page calls; each hears the other.
    fn the_page_calls(&mut self) -> Result<Talk> {
        let id = self.page.call(PHONE.name)?;
        let call = self.phone.incoming(SOON)?;
        self.is_up(Talk { id, call })
    }

    /// The phone calls; each hears the other.
    fn the_phone_calls(&mut self) -> Result<Talk> {
        let number = self.page.all_incoming()?.len();
        let uri = format!("sip:{}@{}", PAGE.name, self.proxy.addr);
        let call = self.phone.dial(&uri)?;
        let id = self.page.incoming(number)?;
        self.is_up(Talk { id, call })
    }

    fn is_up(&mut self, talk: Talk) -> Result<Talk> {
        self.page.wait_for(&talk.id, "ESTABLISHED", SOON)?;
        self.phone.state(talk.call, "CONFIRMED", SOON)?;
        self.each_hears_the_other(&talk)?;
        Ok(talk)
    }

    fn marks(&self, talk: &Talk) -> Result<Marks> {
        Ok(Marks {
            page: self.page.heard(&talk.id)?.seconds(),
            phone: self.phone.heard(talk.call).map_or(0.0, |r| r.seconds()),
        })
    }

    fn heard_since(&self, talk: &Talk, marks: Marks) -> Result<(Recording, Recording)> {
        let since = |heard: Recording, mark| heard.part(mark, f64::INFINITY);
        Ok((
            since(self.page.heard(&talk.id)?, marks.page),
            since(self.phone.heard(talk.call)?, marks.phone),
        ))
    }

    /// From now on each hears the other's tone, and not its own.
    fn each_hears_the_other(&self, talk: &Talk) -> Result<()> {
        let marks = self.marks(talk)?;
        self.phone.hear(talk.call, 2.0 * HEARD, SOON)?;
        self.page.hear(&talk.id, HEARD, SOON)?;
        let (at_page, at_phone) = self.heard_since(talk, marks)?;
        let check = audio::check_heard_for(&at_page, self.phone_tone, self.page_tone, HEARD);
        check.map_err(Error::msg).context("at the page")?;
        let check = audio::check_heard_for(&at_phone, self.page_tone, self.phone_tone, HEARD);
        check.map_err(Error::msg).context("at pjsua2")?;
        Ok(())
    }

    /// From now on the phone hears silence, which comes as RTP, and the page hears nothing but silence.
    fn the_phone_is_held(&mut self, talk: &Talk) -> Result<()> {
        let marks = self.marks(talk)?;
        let before = self.phone.received(talk.call)?;
        let phone = &mut self.phone;
        wait::until_true("RTP while the page holds", SOON, || {
            Ok(phone.received(talk.call)? >= before + PACKETS)
        })?;
        self.phone.hear(talk.call, ON_ITS_WAY, SOON)?;
        let (at_page, at_phone) = self.heard_since(talk, marks)?;
        silent(&at_phone).context("at pjsua2, which is held")?;
        ensure!(at_phone.seconds() > HELD, "pjsua2 heard nothing at all");
        silent(&at_page).context("at the page, which holds")
    }

    /// From now on the page hears silence, which comes as RTP.
    fn the_page_is_held(&mut self, talk: &Talk) -> Result<()> {
        let marks = self.marks(talk)?;
        self.page.hear(&talk.id, HELD + ON_ITS_WAY, SOON)?;
        let (at_page, _) = self.heard_since(talk, marks)?;
        silent(&at_page).context("at the page, which is held")
    }

    /// The next of the phone's media is this.
    fn media(&mut self, status: &str, direction: &str) -> Result<()> {
        let media = self.phone.event("media", SOON)?;
        ensure!(
            media["status"] == status && media["direction"] == direction,
            "{media} is not {status}, {direction}"
        );
        Ok(())
    }

    /// The next request of this method, and its final response is this.
    fn request(&mut self, whose: &str, method: &str, status: u16) -> Result<()> {
        let fields = [("whose", whose.into()), ("method", method.into())];
        let event = self.phone.event_with("request", &fields, SOON)?;
        ensure!(event["status"] == status, "{event}");
        Ok(())
    }

    /// The sessions of these calls are refreshed, in whichever order.
    fn refreshed(&mut self, calls: &[u64]) -> Result<()> {
        let mut refreshed = Vec::new();
        while refreshed.len() < calls.len() {
            let fields = [("whose", "theirs".into()), ("method", "UPDATE".into())];
            let limit = PROXYS_MIN_SE / 2 + SOON;
            let event = self.phone.event_with("request", &fields, limit)?;
            ensure!(event["status"] == 200, "{event}");
            refreshed.extend(event["call"].as_u64());
        }
        refreshed.sort_unstable();
        ensure!(refreshed == calls, "refreshed were {refreshed:?}");
        Ok(())
    }

    /// The page hangs up, both are told, and the page was told these statuses in all.
    fn the_page_hangs_up(&mut self, talk: &Talk, statuses: &[&str]) -> Result<()> {
        self.page.hang_up(&talk.id)?;
        self.phone.state(talk.call, "DISCONNECTED", SOON)?;
        self.page.wait_for(&talk.id, "FINISH", SOON)?;
        let told = self.page.statuses(&talk.id)?;
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let up = told.iter().position(|status| *status == "ESTABLISHED");
        let since = &told[up.unwrap_or_default()..];
        ensure!(since == statuses, "the page was told {told:?}");
        Ok(())
    }

    /// Who holds the calls, as the page was told: (the page, the other side).
    fn hold_states(&self) -> Result<Vec<(Value, Value)>> {
        let said = self.page.said_so_far("holdState")?;
        let states = said
            .iter()
            .map(|state| (state["local"].clone(), state["remote"].clone()));
        Ok(states.collect())
    }
}

/// The messages in a log of pjsua2 that begin so and have this method in their CSeq.
fn messages(log: &str, start: &str, method: &str) -> Vec<String> {
    let all = log.split("--end msg--").filter_map(|part| {
        let at = part.find(start)?;
        Some(part[at..].replace('\r', ""))
    });
    let cseq = |line: &str| line.starts_with("CSeq:") && line.ends_with(method);
    all.filter(|message| message.lines().any(cseq)).collect()
}

/// The port and the formats of a message's first `m=` line.
fn media_line(message: &str) -> Option<(&str, &str)> {
    let line = message.lines().find_map(|l| l.strip_prefix("m=audio "))?;
    line.split_once(" RTP/AVP ")
}

/// Nothing louder than silence once what was on its way has come.
pub(crate) fn silent(heard: &Recording) -> Result<()> {
    let rest = heard.part(ON_ITS_WAY, f64::INFINITY);
    let silence = audio::longest_silence(&rest).seconds();
    ensure!(
        silence >= rest.seconds() - 0.05,
        "{silence:.2} s of silence in {:.2} s",
        rest.seconds()
    );
    Ok(())
}

#[test]
fn pjsua2_holds_and_resumes() {
    case(|folder| {
        let mut line = Line::up(folder, |_| {})?;
        let ports = Ports {
            their_media: vec![line.phone.rtp_ports.clone()],
            ..Ports::default()
        };
        let mut capture = Capture::start(folder, ports)?;
        let talk = line.the_phone_calls()?;
        line.phone.hold(talk.call)?;
        line.page.wait_for(&talk.id, "HOLD", SOON)?;
        line.media("local hold", "sendonly")?;
        let sent = capture.sound_to(&line.phone.rtp_ports)?.seconds();
        line.the_page_is_held(&talk)?;
        let more = capture.sound_to(&line.phone.rtp_ports)?.seconds() - sent;
        ensure!(more < ON_ITS_WAY, "{more} s were sent to who only sends");
        line.phone.unhold(talk.call)?;
        line.page.wait_for_times(&talk.id, "ESTABLISHED", 2, SOON)?;
        line.media("active", "sendrecv")?;
        line.each_hears_the_other(&talk)?;

        // Music on hold is heard.
        line.phone.hold_with_music(talk.call)?;
        line.page.wait_for_times(&talk.id, "HOLD", 2, SOON)?;
        let marks = line.marks(&talk)?;
        line.page.hear(&talk.id, 2.0 * HEARD, SOON)?;
        let (music, _) = line.heard_since(&talk, marks)?;
        let check = audio::check_heard_for(&music, line.phone_tone, line.page_tone, HEARD);
        check.map_err(Error::msg).context("music on hold")?;
        line.phone.unhold(talk.call)?;
        line.page.wait_for_times(&talk.id, "ESTABLISHED", 3, SOON)?;
        line.each_hears_the_other(&talk)?;

        let told = [
            "ESTABLISHED",
            "HOLD",
            "ESTABLISHED",
            "HOLD",
            "ESTABLISHED",
            "FINISH",
        ];
        line.the_page_hangs_up(&talk, &told)
    });
}

#[test]
fn a_page_holds_and_resumes_pjsua2() {
    case(|folder| {
        let mut line = Line::up(folder, |_| {})?;
        let talk = line.the_page_calls()?;
        line.page.hold(&talk.id)?;
        line.page.wait_for(&talk.id, "HOLD", SOON)?;
        line.media("remote hold", "recvonly")?;
        line.the_phone_is_held(&talk)?;
        line.page.unhold(&talk.id)?;
        line.page.wait_for_times(&talk.id, "ESTABLISHED", 2, SOON)?;
        line.media("active", "sendrecv")?;
        line.each_hears_the_other(&talk)?;
        line.the_page_hangs_up(&talk, &["ESTABLISHED", "HOLD", "ESTABLISHED", "FINISH"])
    });
}

#[test]
fn both_hold_and_the_one_that_held_first_resumes_first() {
    case(|folder| both_hold(folder, true));
}

#[test]
fn both_hold_and_the_one_that_held_last_resumes_first() {
    case(|folder| both_hold(folder, false));
}

/// The page holds, then the phone; `page_first`: the page resumes before the phone does.
fn both_hold(folder: &Folder, page_first: bool) -> Result<()> {
    let mut line = Line::up(folder, |_| {})?;
    let talk = line.the_page_calls()?;
    line.page.hold(&talk.id)?;
    line.page.wait_for(&talk.id, "HOLD", SOON)?;
    line.media("remote hold", "recvonly")?;
    line.phone.hold(talk.call)?;
    line.media("local hold", "inactive")?;
    let answered = if page_first {
        line.page.unhold(&talk.id)?;
        // The phone still holds.
        line.page.wait_for_times(&talk.id, "HOLD", 2, SOON)?;
        line.media("local hold", "sendonly")?;
        line.the_page_is_held(&talk)?;
        line.phone.unhold(talk.call)?;
        vec!["ESTABLISHED", "HOLD", "HOLD", "ESTABLISHED", "FINISH"]
    } else {
        line.phone.unhold(talk.call)?;
        line.media("remote hold", "recvonly")?;
        line.the_phone_is_held(&talk)?;
        line.page.unhold(&talk.id)?;
        vec!["ESTABLISHED", "HOLD", "ESTABLISHED", "FINISH"]
    };
    line.page.wait_for_times(&talk.id, "ESTABLISHED", 2, SOON)?;
    line.media("active", "sendrecv")?;
    line.each_hears_the_other(&talk)?;
    let last = if page_first {
        (json!(false), json!(true))
    } else {
        (json!(true), json!(false))
    };
    let states = vec![
        (json!(true), json!(false)),
        (json!(true), json!(true)),
        last,
        (json!(false), json!(false)),
    ];
    let told = line.hold_states()?;
    ensure!(told == states, "the page was told that {told:?} hold");
    line.the_page_hangs_up(&talk, &answered)
}

#[test]
fn reliable_provisional_responses_both_ways() {
    case(|folder| {
        let mut line = Line::up(folder, |phone| {
            phone.reliable = Use::Required;
            phone.answers = None;
        })?;
        // The phone answers; its 180 is reliable since the page's side supports that.
        let id = line.page.call(PHONE.name)?;
        let call = line.phone.incoming(SOON)?;
        line.phone.answer(call, 180)?;
        line.request("theirs", "PRACK", 200)?;
        line.page.wait_for(&id, "RING", SOON)?;
        line.phone.answer(call, 200)?;
        let talk = line.is_up(Talk { id, call })?;
        line.the_page_hangs_up(&talk, &["ESTABLISHED", "FINISH"])?;

        // The phone calls and requires it.
        let uri = format!("sip:{}@{}", PAGE.name, line.proxy.addr);
        let call = line.phone.dial(&uri)?;
        let id = line.page.incoming(0)?;
        line.request("ours", "PRACK", 200)?;
        let talk = line.is_up(Talk { id, call })?;
        line.the_page_hangs_up(&talk, &["ESTABLISHED", "FINISH"])?;
        let invite = messages(&line.phone.log()?, "INVITE sip:", "INVITE");
        let required = invite.iter().any(|m| m.contains("Require: 100rel"));
        ensure!(required, "100rel was not required: {invite:?}");
        Ok(())
    });
}

#[test]
fn pjsua2_changes_a_call_by_re_invite_and_update() {
    case(|folder| {
        let mut line = Line::up(folder, |phone| phone.codecs = &["PCMU/8000", "PCMA/8000"])?;
        let talk = line.the_phone_calls()?;
        // Nothing changes.
        line.phone.reinvite(talk.call)?;
        line.request("ours", "INVITE", 200)?;
        line.each_hears_the_other(&talk)?;
        line.phone.update(talk.call)?;
        line.request("ours", "UPDATE", 200)?;
        line.each_hears_the_other(&talk)?;
        // The other codec comes first.
        line.phone.prefer(&["PCMA/8000", "PCMU/8000"])?;
        line.phone.reinvite(talk.call)?;
        line.request("ours", "INVITE", 200)?;
        line.each_hears_the_other(&talk)?;
        // RTP moves to another port.
        line.phone.reinvite_from_other_ports(talk.call)?;
        line.request("ours", "INVITE", 200)?;
        line.each_hears_the_other(&talk)?;
        let log = line.phone.log()?;
        let updates = messages(&log, "UPDATE sip:", "UPDATE");
        ensure!(updates.iter().any(|m| media_line(m).is_some()));
        let invites = messages(&log, "INVITE sip:", "INVITE");
        let offers: Vec<(&str, &str)> = invites.iter().filter_map(|m| media_line(m)).collect();
        let [.., (before, _), (reordered, formats), (moved, _)] = offers[..] else {
            anyhow::bail!("too few offers: {offers:?}");
        };
        ensure!(
            formats.starts_with("8 0") && before == reordered && reordered != moved,
            "pjsua2 has changed something else: {offers:?}"
        );
        line.the_page_hangs_up(&talk, &["ESTABLISHED", "FINISH"])
    });
}

#[test]
fn digits_by_info_both_ways() {
    case(|folder| {
        let mut line = Line::up(folder, |_| {})?;
        let talk = line.the_page_calls()?;
        for key in ["5", "#", "*", "D"] {
            line.phone.press(talk.call, key, true)?;
            line.request("ours", "INFO", 200)?;
        }
        let digits = line.page.all_said("digit", 4)?;
        let digit = |key: &str| json!({ "callId": talk.id, "digit": key, "how": "info" });
        ensure!(
            digits == ["5", "#", "*", "D"].map(digit),
            "the page was told {digits:?}"
        );
        for keys in ["1", "90"] {
            line.page.press(&talk.id, keys, Press::InfoRelay)?;
            for key in keys.chars() {
                let digit = line.phone.event("digit", SOON)?;
                ensure!(
                    digit["digit"] == key.to_string() && digit["method"] == "info",
                    "{digit} is not {key}"
                );
            }
        }
        // pjsua2 does not know `application/dtmf`. The page is told, and the call goes on.
        line.page.press(&talk.id, "7", Press::Info)?;
        let fields = [("method", "INFO".into()), ("status", 500.into())];
        line.phone.event_with("request", &fields, SOON)?;
        let failures = line.page.all_said("fail", 1)?;
        ensure!(failures[0]["apiMethod"] == "sendDtmf", "{failures:?}");
        line.each_hears_the_other(&talk)?;
        line.the_page_hangs_up(&talk, &["ESTABLISHED", "FINISH"])
    });
}

#[test]
fn session_timers_are_negotiated_and_refreshed() {
    case(|folder| {
        let settings = [("session_expires", "90"), ("min_se", "90")];
        let mut line = Line::with(folder, &settings, |phone| {
            phone.timers = Use::Required;
            phone.session_expires = SESSION;
            phone.min_se = SESSION;
        })?;
        let theirs = line.the_phone_calls()?;
        let ours = line.the_page_calls()?;
        let log = line.phone.log()?;
        for (message, its) in [
            ("INVITE sip:10006", "Require: timer\n"),
            ("INVITE sip:10006", "Session-Expires: 90\n"),
            ("INVITE sip:10005", "Session-Expires: 90\n"),
        ] {
            let sent = messages(&log, message, "INVITE");
            ensure!(sent.iter().any(|m| m.contains(its)), "no {its}: {sent:?}");
        }
        // Whoever answers says who refreshes: the page's side did so itself, and pjsua2 leaves it to the caller.
        let accepted = messages(&log, "SIP/2.0 200", "INVITE");
        for refresher in ["uas", "uac"] {
            let interval = format!("Session-Expires: 90;refresher={refresher}\n");
            let mut all = accepted.iter();
            ensure!(all.any(|m| m.contains(&interval)), "{accepted:?}");
        }
        line.refreshed(&[theirs.call, ours.call])?;
        for talk in [&theirs, &ours] {
            line.each_hears_the_other(talk)?;
            line.the_page_hangs_up(talk, &["ESTABLISHED", "FINISH"])?;
        }
        Ok(())
    });
}

/// RFC 4028 section 8: a proxy refuses an interval that is too small for it, and asks for a session timer where one side
/// of a call knows nothing of timers. The other side then refreshes.
#[test]
fn a_proxy_that_wants_session_timers_gets_them() {
    case(|folder| {
        let role = Role {
            min_se: Some(PROXYS_MIN_SE),
            ..Role::default()
        };
        let addr = SocketAddr::new(netns::address(), ports::free(2)?);
        let proxy = Kamailio::with(folder, role, addr)?;
        let settings = [("session_expires", "90"), ("min_se", "90")];
        let mut line = Line::behind(proxy, folder, &settings, |phone| phone.timers = Use::Off)?;
        let ours = line.the_page_calls()?;
        let theirs = line.the_phone_calls()?;
        let log = line.phone.log()?;
        // The page's side asked for 90 s and was refused by the proxy.
        let invites = messages(&log, "INVITE sip:10005", "INVITE");
        for its in ["Session-Expires: 100\n", "Min-SE: 100\n"] {
            ensure!(invites.iter().all(|m| m.contains(its)), "{invites:?}");
        }
        // pjsua2 asked for no timer; the proxy did.
        let invites = messages(&log, "INVITE sip:10006", "INVITE");
        ensure!(!invites.iter().any(|m| m.contains("Session-Expires:")));
        let accepted = messages(&log, "SIP/2.0 200", "INVITE");
        let its = "Session-Expires: 100;refresher=uas\n";
        ensure!(accepted.iter().any(|m| m.contains(its)), "{accepted:?}");
        line.refreshed(&[ours.call, theirs.call])?;
        for talk in [&ours, &theirs] {
            line.each_hears_the_other(talk)?;
            line.the_page_hangs_up(talk, &["ESTABLISHED", "FINISH"])?;
        }
        Ok(())
    });
}

#[test]
fn a_fork_to_two_registrations_of_one_account_rings_both() {
    case(|folder| {
        let (page_tone, phone_tone) = Tone::pick_two();
        let proxy = Kamailio::start(folder)?;
        let softphone = Softphone {
            registrar: Some(proxy.addr),
            ..Softphone::new(PHONE, phone_tone)
        };
        let mut phone = Pjsua2::start(folder, &softphone)?;
        let ringdown = Ringdown::serve(folder, &[])?;
        let login = Login {
            user: PAGE,
            server: proxy.addr,
            registers: true,
        };
        let open = || Bot::open(&ringdown, &login, Manner::Rings, page_tone);
        let (one, two) = (open()?, open()?);
        let call = phone.dial(&format!("sip:{}@{}", PAGE.name, proxy.addr))?;
        let (first, second) = (one.incoming(0)?, two.incoming(0)?);
        ensure!(first != second, "one call at both pages");
        one.wait_for(&first, "RING", SOON)?;
        two.wait_for(&second, "RING", SOON)?;
        two.answer(&second)?;
        two.wait_for(&second, "ESTABLISHED", SOON)?;
        phone.state(call, "CONFIRMED", SOON)?;
        one.wait_for(&first, "FINISH", SOON)?;
        let statuses = one.statuses(&first)?;
        ensure!(statuses == ["RING", "FINISH"], "{statuses:?}");
        each_hears_the_other((&two, &second, page_tone), (&phone, call, phone_tone))?;
        phone.hang_up(call)?;
        two.wait_for(&second, "FINISH", SOON).map(drop)
    });
}

/// A server that crashes withdraws no binding: the registrar forks to the one from before the crash, too.
#[test]
fn a_binding_from_before_a_crash_does_not_keep_the_live_page_from_ringing() {
    case(|folder| {
        let (page_tone, phone_tone) = Tone::pick_two();
        let proxy = Kamailio::start(folder)?;
        let softphone = Softphone {
            registrar: Some(proxy.addr),
            ..Softphone::new(PHONE, phone_tone)
        };
        let mut phone = Pjsua2::start(folder, &softphone)?;
        let login = Login {
            user: PAGE,
            server: proxy.addr,
            registers: true,
        };
        let port = ports::free(1)?;
        let settings = [("sip_port", &*port.to_string())];
        let crashing = Ringdown::serve(folder, &settings)?;
        let before = Bot::open(&crashing, &login, Manner::Rings, page_tone)?;
        crashing.kill()?;
        drop(before);
        // The second one's log shall not overwrite the first's.
        let again = Folder::new()?;
        let ringdown = Ringdown::serve(&again, &settings)?;
        let page = Bot::open(&ringdown, &login, Manner::Rings, page_tone)?;

        let watched = Ports {
            our_sip: vec![port],
            their_sip: vec![proxy.addr.port()],
            ..Ports::default()
        };
        let capture = Capture::start(folder, watched)?;
        let call = phone.dial(&format!("sip:{}@{}", PAGE.name, proxy.addr))?;
        let id = page.incoming(0)?;
        page.wait_for(&id, "RING", SOON)?;
        page.answer(&id)?;
        page.wait_for(&id, "ESTABLISHED", SOON)?;
        phone.state(call, "CONFIRMED", SOON)?;
        each_hears_the_other((&page, &id, page_tone), (&phone, call, phone_tone))?;
        phone.hang_up(call)?;
        page.wait_for(&id, "FINISH", SOON)?;
        ensure!(page.all_incoming()?.len() == 1, "it rang more than once");

        let trace = capture.stop()?;
        let said = trace.sip();
        let invites = said
            .iter()
            .filter(|(side, line)| *side == Side::Theirs && line.starts_with("INVITE "));
        let contacts: BTreeSet<&str> = invites.map(|(_, line)| *line).collect();
        ensure!(contacts.len() == 2, "Kamailio did not fork: {said:?}");
        let mut ours = said.iter().filter(|(side, _)| *side == Side::Ours);
        ensure!(
            ours.any(|(_, line)| line.starts_with("SIP/2.0 404")),
            "the old Contact was not refused: {said:?}"
        );
        Ok(())
    });
}

/// From now on each of a page and a phone hears the other's tone, and not its own.
fn each_hears_the_other(
    (page, id, page_tone): (&Bot, &str, Tone),
    (phone, call, phone_tone): (&Pjsua2, u64, Tone),
) -> Result<()> {
    phone.hear(call, 2.0 * HEARD, SOON)?;
    page.hear(id, HEARD, SOON)?;
    let check = audio::check_heard_for(&page.heard(id)?, phone_tone, page_tone, HEARD);
    check.map_err(Error::msg).context("at the page")?;
    let check = audio::check_heard_for(&phone.heard(call)?, page_tone, phone_tone, HEARD);
    check.map_err(Error::msg).context("at pjsua2")?;
    Ok(())
}
