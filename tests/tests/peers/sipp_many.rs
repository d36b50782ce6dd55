//! Many calls between SIPp and a page without a browser, each with real ICE, DTLS and SRTP on the page's side: over a
//! line that loses packets, and ten a second for a minute. Timers of SIP are those of RFC 3261 (T1 500 ms).
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::audio;
use tests::bot::{Bot, Login, Manner};
use tests::figures::{Figures, calls_are_over, nothing_is_left};
use tests::folder::{Folder, case};
use tests::kamailio::USERS;
use tests::ringdown::Ringdown;
use tests::rtp_end::RtpEnd;
use tests::sipp::{Script, Sipp};
use tests::tone::Tone;
use tests::wait;
use tests::wav::Recording;

const SOON: Duration = Duration::from_secs(10);
/// A call that is over holds nothing after this.
const AT_ONCE: Duration = Duration::from_secs(3);
/// 64*T1, the 5 s of T4, and a busy machine.
const LINGER: Duration = Duration::from_secs(60);
/// How much of each call's sound is heard clearly on either side, in seconds.
const HEARD: f64 = 0.3;
/// Calls on the line that loses packets, in either direction.
const LOST_CALLS: u32 = 60;
const LOST_PERCENT: u32 = 5;
/// The load: ten calls a second for a minute.
const LOAD_CALLS: u32 = 600;
const LOAD_PER_SECOND: u32 = 10;

/// The server, and the sound of the SIP side.
struct Exchange {
    ringdown: Ringdown,
    sound: RtpEnd,
    /// Where that sound is, for a script.
    port: String,
    page_tone: Tone,
    peer_tone: Tone,
    before: Figures,
    files: usize,
}

impl Exchange {
    fn open(folder: &Folder) -> Result<Self> {
        let (page_tone, peer_tone) = Tone::pick_two();
        let settings = [
            ("metrics_port", "0"),
            ("media_port_from", "31001"),
            ("media_port_to", "32000"),
        ];
        let ringdown = Ringdown::serve(folder, &settings)?;
        let sound = RtpEnd::start(peer_tone)?;
        Ok(Self {
            before: Figures::of(&ringdown)?,
            files: open_files(&ringdown)?,
            ringdown,
            port: sound.addr.port().to_string(),
            sound,
            page_tone,
            peer_tone,
        })
    }

    fn page(&self, server: SocketAddr, registers: bool) -> Result<Bot> {
        let login = Login {
            user: USERS[1],
            server,
            registers,
        };
        Bot::open(&self.ringdown, &login, Manner::Answers, self.page_tone)
    }

    /// Each call of the page was told FINISH, once and last; each stream of either side was heard by the other side.
    fn every_call_was_good(&self, page: &Bot, ids: &[String]) -> Result<()> {
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for id in ids {
            let statuses = page.statuses(id)?;
            let last = statuses.last().cloned().unwrap_or_default();
            let finals = page.told(id)?.iter().filter(|t| t.is_final()).count();
            ensure!(finals == 1, "{id}: {statuses:?}");
            *ends.entry(last).or_default() += 1;
        }
        ensure!(ends.len() == 1 && ends.contains_key("FINISH"), "{ends:?}");
        for id in ids {
            let heard = page.heard(id)?;
            check(&heard, self.peer_tone, self.page_tone)
                .with_context(|| format!("at the page, call {id}"))?;
        }
        let heard = self.sound.heard();
        ensure!(heard.len() == ids.len(), "{} streams", heard.len());
        for heard in &heard {
            check(heard, self.page_tone, self.peer_tone).context("at the SIP side")?;
        }
        Ok(())
    }

    /// Nothing of the calls is left at once, and nothing at all after a while: by the server's own figures, and by the
    /// files that the kernel says it has open.
    fn nothing_is_left(&self, page: Bot) -> Result<()> {
        calls_are_over(&self.ringdown, AT_ONCE)?;
        drop(page);
        nothing_is_left(&self.ringdown, &self.before, LINGER)?;
        let (files, ringdown) = (self.files, &self.ringdown);
        wait::until_true(&format!("{files} open files"), SOON, || {
            Ok(open_files(ringdown)? <= files)
        })
    }
}

fn check(heard: &Recording, tone: Tone, own: Tone) -> Result<()> {
    let checked = audio::check_heard_for(heard, tone, own, HEARD);
    checked.map_err(|why| anyhow::anyhow!(why)).map(drop)
}

fn open_files(ringdown: &Ringdown) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/fd", ringdown.id()))?.count())
}

/// Processor time of the server so far, in seconds (proc(5): user and system, in ticks of 10 ms).
fn processor_seconds(ringdown: &Ringdown) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", ringdown.id()))?;
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = |at: usize| -> Result<f64> {
        let field = fields.split_whitespace().nth(at);
        Ok(field.context("no such field")?.parse::<f64>()?)
    };
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

/// Waits until the page has the last status of so many calls that came in.
fn all_over(page: &Bot, calls: u32, limit: Duration) -> Result<Vec<String>> {
    wait::until("the end of every call", limit, || {
        let all = page.all_incoming()?;
        let mut over = 0;
        for id in &all {
            over += u32::from(page.told(id)?.iter().any(|told| told.is_final()));
        }
        Ok((over == calls).then_some(all))
    })
}

#[test]
fn calls_of_a_page_get_through_where_one_packet_in_twenty_is_lost() {
    case(|folder| {
        let exchange = Exchange::open(folder)?;
        let words = [("audio_port", exchange.port.as_str())];
        let script = Script {
            calls: LOST_CALLS,
            lost_percent: LOST_PERCENT,
            limit: Duration::from_secs(180),
            words: &words,
            ..Script::waits("uas/loses")
        };
        let mut peer = Sipp::run(folder, &script)?;
        let page = exchange.page(peer.addr, false)?;
        let mut ids: Vec<String> = Vec::new();
        let mut up = 0;
        // Ten at a time; each is hung up when it was heard for a second.
        wait::until_true("all calls", Duration::from_secs(120), || {
            if ids.len() < LOST_CALLS as usize && ids.len() < up + 10 {
                ids.push(page.call("10005")?);
            }
            for id in &ids[up..] {
                if page.heard(id)?.seconds() > 1.0 {
                    page.hang_up(id)?;
                    up += 1;
                } else {
                    break;
                }
            }
            Ok(up == LOST_CALLS as usize)
        })?;
        wait::until_true("the end of every call", SOON, || {
            let mut over = true;
            for id in &ids {
                over &= page.told(id)?.iter().any(|told| told.is_final());
            }
            Ok(over)
        })?;
        peer.passed(Duration::from_secs(60))?;
        exchange.every_call_was_good(&page, &ids)?;
        exchange.nothing_is_left(page)
    });
}

#[test]
fn calls_to_a_page_get_through_where_one_packet_in_twenty_is_lost() {
    case(|folder| {
        let exchange = Exchange::open(folder)?;
        let registrar = Sipp::start(folder, "registrar")?;
        let page = exchange.page(registrar.addr, true)?;
        let words = [("audio_port", exchange.port.as_str()), ("talk_ms", "2500")];
        let script = Script {
            calls: LOST_CALLS,
            per_second: 5,
            lost_percent: LOST_PERCENT,
            limit: Duration::from_secs(120),
            words: &words,
            ..Script::calls("uac/loses", exchange.ringdown.sip, USERS[1].name)
        };
        let mut peer = Sipp::run(folder, &script)?;
        peer.passed(Duration::from_secs(120))?;
        let ids = all_over(&page, LOST_CALLS, SOON)?;
        exchange.every_call_was_good(&page, &ids)?;
        exchange.nothing_is_left(page)
    });
}

#[test]
fn ten_calls_a_second_for_a_minute_are_600_of_600() {
    case(|folder| {
        let exchange = Exchange::open(folder)?;
        let registrar = Sipp::start(folder, "registrar")?;
        let page = exchange.page(registrar.addr, true)?;
        let words = [("audio_port", exchange.port.as_str()), ("talk_ms", "1500")];
        let script = Script {
            calls: LOAD_CALLS,
            per_second: LOAD_PER_SECOND,
            limit: Duration::from_secs(120),
            words: &words,
            ..Script::calls("uac/calls", exchange.ringdown.sip, USERS[1].name)
        };
        let (start, busy) = (Instant::now(), processor_seconds(&exchange.ringdown)?);
        let mut peer = Sipp::run(folder, &script)?;
        peer.passed(Duration::from_secs(120))?;
        let (took, busy) = (
            start.elapsed(),
            processor_seconds(&exchange.ringdown)? - busy,
        );
        let ids = all_over(&page, LOAD_CALLS, SOON)?;
        let per_call = busy * 1000.0 / f64::from(LOAD_CALLS);
        eprintln!(
            "{LOAD_CALLS} calls in {took:.1?}: {busy:.1} s of processor time of the server, {per_call:.0} ms a call"
        );
        // 600 calls in a minute and the moments of the last one; a server that falls behind takes longer.
        ensure!(
            took < Duration::from_secs(70),
            "{LOAD_CALLS} calls took {took:?}"
        );
        exchange.every_call_was_good(&page, &ids)?;
        exchange.nothing_is_left(page)
    });
}
