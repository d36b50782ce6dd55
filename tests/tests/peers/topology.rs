//! The two ways in which a SIP server stands between page and phone: it relays signalling and RTP, or it finds the callee
//! and steps aside. Which way the packets went is read from a capture.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::capture::{Packet, Side, Trace};
use tests::line::{Line, Setup};
use tests::netns::case;

const SOON: Duration = Duration::from_secs(10);

type Step = fn(&mut Line) -> Result<()>;

#[test]
fn a_relay_carries_all_media_when_the_page_calls() {
    case(|folder| relayed(&mut Line::up(folder, with_relay())?, Line::page_dials));
}

#[test]
fn a_relay_carries_all_media_when_the_phone_calls() {
    case(|folder| relayed(&mut Line::up(folder, with_relay())?, Line::phone_dials));
}

fn with_relay() -> Setup {
    Setup {
        relay: true,
        ..Setup::default()
    }
}

fn relayed(line: &mut Line, dial: Step) -> Result<()> {
    dial(line)?;
    let from = line.page.now()?;
    line.talk()?;
    line.see_each_other(from)?;
    line.page_hangs_up()?;
    line.check_sound()?;
    let trace = line.trace()?;
    trace.check()?;
    for codec in ["opus/48000", "VP8/90000"] {
        trace.check_media(codec)?;
    }
    let relay = line.relay.as_ref().context("no relay")?.media.clone();
    for (who, ports) in [("page", &line.our_media), ("phone", &line.phone.rtp_ports)] {
        let (mut sent, mut got) = (0, 0);
        for packet in &trace.packets {
            let (from, to) = (packet.from.port(), packet.to.port());
            let other = match (ports.contains(&from), ports.contains(&to)) {
                (false, false) => continue,
                (true, _) => to,
                (_, true) => from,
            };
            ensure!(
                relay.contains(&other),
                "the {who}'s media went past the relay: {packet:?}"
            );
            if packet.rtp.is_some() {
                *(if ports.contains(&from) {
                    &mut sent
                } else {
                    &mut got
                }) += 1;
            }
        }
        ensure!(
            sent > 100 && got > 100,
            "the relay passed {sent} packets from the {who} and {got} to it"
        );
    }
    Ok(())
}

#[test]
fn a_proxy_that_steps_aside_sees_no_request_within_a_call() {
    case(|folder| {
        let setup = Setup {
            record_route: false,
            ..Setup::default()
        };
        let mut line = Line::up(folder, setup)?;
        let calls: [(Step, Step); 4] = [
            (Line::page_dials, Line::page_hangs_up),
            (Line::page_dials, Line::phone_hangs_up),
            (Line::phone_dials, Line::page_hangs_up),
            (Line::phone_dials, Line::phone_hangs_up),
        ];
        for (dial, hang_up) in calls {
            dial(&mut line)?;
            line.page.listen(1.0)?;
            line.phone.hear(1.0, SOON)?;
            hang_up(&mut line)?;
        }
        line.page.check_no_problems()?;
        let trace = line.trace()?;
        trace.check()?;
        let proxy = line.proxy.addr;
        let within = within_calls(&trace);
        for packet in &within {
            ensure!(
                packet.from != proxy && packet.to != proxy,
                "the proxy was asked: {packet:?}"
            );
        }
        // Of each: two calls dialled by each side, two ended by each.
        for side in [Side::Ours, Side::Theirs] {
            for method in ["ACK", "BYE"] {
                let requests = within
                    .iter()
                    .filter(|packet| packet.side == side && packet.is_request(method));
                let calls: BTreeSet<&String> =
                    requests.flat_map(|packet| &packet.call_ids).collect();
                ensure!(
                    calls.len() == 2,
                    "{side:?} sent {method} in {} calls",
                    calls.len()
                );
            }
        }
        Ok(())
    });
}

/// BYE, and ACK to a 2xx. (The ACK to a refusal belongs to the INVITE's own transaction and goes where that went: RFC 3261
/// 17.1.1.3.)
fn within_calls(trace: &Trace) -> Vec<&Packet> {
    let accepted = trace.packets.iter().filter(|packet| {
        packet
            .sip
            .iter()
            .any(|line| line.starts_with("SIP/2.0 200"))
    });
    let accepted: BTreeSet<(&String, Option<&str>)> = accepted.flat_map(invites).collect();
    let is_within = |packet: &&Packet| {
        packet.is_request("BYE")
            || (packet.is_request("ACK")
                && invites(packet).any(|invite| accepted.contains(&invite)))
    };
    trace.packets.iter().filter(is_within).collect()
}

/// Call-ID and CSeq number of a packet's messages.
fn invites(packet: &Packet) -> impl Iterator<Item = (&String, Option<&str>)> {
    let numbers = packet.cseq.iter().map(|cseq| cseq.split(' ').next());
    packet.call_ids.iter().zip(numbers)
}
