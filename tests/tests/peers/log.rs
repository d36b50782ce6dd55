//! What the log tells of a call, and what it never tells: the built server with its own targets at `trace`, a call of each
//! kind with SIP peers that follow scripts (SIPp).

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::bot::{Bot, Login, Manner};
use tests::folder::{Folder, case};
use tests::kamailio::USERS;
use tests::ringdown::Ringdown;
use tests::rtp_end::RtpEnd;
use tests::sipp::{Script, Sipp};
use tests::tone::Tone;
use tests::wait;

const SOON: Duration = Duration::from_secs(10);
/// Every crate of the server.
const FILTER: &str = "info,codec=trace,config=trace,gateway=trace,media=trace,pbx=trace,ringdown=trace,sdp=trace,\
                      session=trace,signaling=trace,sip=trace,webrtc=trace";
/// The key of an SRTP stream as SDP may carry it (RFC 4568).
const SRTP_KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// A server that logs everything, and SIP peers for it.
struct Scene<'a> {
    folder: &'a Folder,
    ringdown: Ringdown,
    /// Where pages that are called register.
    registrar: Sipp,
    sound: RtpEnd,
    tone: Tone,
    /// What must not stand in the log, with a name.
    secrets: Vec<(&'static str, String)>,
}

impl<'a> Scene<'a> {
    fn start(folder: &'a Folder) -> Result<Self> {
        let (tone, peer_tone) = Tone::pick_two();
        // Each page that registers is a call to SIPp.
        let registrar = Script {
            calls: 10,
            ..Script::waits("registrar")
        };
        Ok(Self {
            folder,
            ringdown: Ringdown::serve_logging(folder, &[], Some(FILTER))?,
            registrar: Sipp::run(folder, &registrar)?,
            sound: RtpEnd::start(peer_tone)?,
            tone,
            secrets: vec![("SRTP key", SRTP_KEY.to_owned())],
        })
    }

    fn peer(&self, name: &str, words: &[(&str, &str)], called: Option<&str>) -> Result<Sipp> {
        let port = self.sound.addr.port().to_string();
        let mut all = vec![("audio_port", port.as_str())];
        all.extend(words);
        let script = Script {
            words: &all,
            toward: called.map(|name| (self.ringdown.sip, name)),
            ..Script::waits(name)
        };
        Sipp::run(self.folder, &script)
    }

    fn page(&mut self, server: SocketAddr, registers: bool, manner: Manner) -> Result<Bot> {
        let login = Login {
            user: USERS[1],
            server,
            registers,
        };
        let page = Bot::open(&self.ringdown, &login, manner, self.tone)?;
        let user_data = page.all_said("getUserData", 1)?;
        let token = user_data[0]["authToken"].as_str().context("no token")?;
        self.secrets.push(("password", login.user.password.into()));
        self.secrets.push(("token", token.to_owned()));
        Ok(page)
    }

    /// Keeps the secrets of a call that is over.
    fn keep(&mut self, page: &Bot, peer: &Sipp) -> Result<()> {
        let passwords = page.ice_passwords()?.into_iter();
        self.secrets.extend(passwords.map(|p| ("ICE password", p)));
        for message in peer.received()? {
            let responses = message.split("response=\"").skip(1);
            let responses = responses.filter_map(|rest| rest.split('"').next());
            self.secrets
                .extend(responses.map(|r| ("digest response", r.to_owned())));
        }
        Ok(())
    }

    /// The page calls a script, `then` happens, and the call ends so.
    fn page_calls(
        &mut self,
        (name, words): (&str, &[(&str, &str)]),
        then: impl FnOnce(&Bot, &str) -> Result<()>,
        end: &str,
    ) -> Result<()> {
        let mut peer = self.peer(name, words, None)?;
        let page = self.page(peer.addr, false, Manner::Rings)?;
        let id = page.call("10005")?;
        then(&page, &id)?;
        page.wait_for(&id, end, SOON)?;
        peer.passed(SOON)?;
        self.keep(&page, &peer)
    }

    /// A script calls the page, `then` happens, and the call ends so.
    fn page_is_called(
        &mut self,
        (name, words): (&str, &[(&str, &str)]),
        manner: Manner,
        then: impl FnOnce(&Bot, &str) -> Result<()>,
        end: &str,
    ) -> Result<()> {
        let page = self.page(self.registrar.addr, true, manner)?;
        let mut peer = self.peer(name, words, Some(USERS[1].name))?;
        let id = page.incoming(0)?;
        then(&page, &id)?;
        page.wait_for(&id, end, SOON)?;
        peer.passed(SOON)?;
        self.keep(&page, &peer)
    }
}

fn nothing(_: &Bot, _: &str) -> Result<()> {
    Ok(())
}

fn hang_up(page: &Bot, id: &str) -> Result<()> {
    page.wait_for(id, "ESTABLISHED", SOON)?;
    wait::until_true("sound", SOON, || Ok(page.heard(id)?.seconds() > 0.3))?;
    page.hang_up(id)
}

/// A re-INVITE that offers SRTP with its key, which is refused.
fn offers_a_key() -> String {
    format!(
        r#"<send retrans="500"><![CDATA[
            INVITE [$target] SIP/2.0
            @BY_CALLEE@
            CSeq: 101 INVITE
            @CONTACT@
            Content-Type: application/sdp
            Content-Length: [len]

            v=0
            o=peer 1 2 IN IP4 [local_ip]
            s=-
            c=IN IP4 [local_ip]
            t=0 0
            m=audio @audio_port@ RTP/SAVP 0
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{SRTP_KEY}|2^20|1:32
        ]]></send>
        <recv response="100" optional="true"/>
        <recv response="488"/>
        <send><![CDATA[
            ACK [$target] SIP/2.0
            [last_Via:]
            [last_From:]
            [last_To:]
            Max-Forwards: 70
            Call-ID: [call_id]
            CSeq: 101 ACK
            @NOTHING@
        ]]></send>
        "#
    )
}

#[test]
fn at_trace_the_log_has_no_secret_and_tells_each_call_in_five_lines() {
    case(|folder| {
        let mut scene = Scene::start(folder)?;
        let hold = |page: &Bot, id: &str| {
            page.wait_for(id, "ESTABLISHED", SOON)?;
            page.hold(id)?;
            page.wait_for_all(id, &["TRYING", "ESTABLISHED", "HOLD"], SOON)?;
            page.unhold(id)?;
            let all = ["TRYING", "ESTABLISHED", "HOLD", "ESTABLISHED"];
            page.wait_for_all(id, &all, SOON)?;
            page.hang_up(id)
        };
        let busy = [("status", "486 Busy Here")];
        let key = offers_a_key();
        scene.page_calls(("uas/stale", &[]), hang_up, "FINISH")?;
        scene.page_calls(("uas/refuses", &busy), nothing, "FAILED")?;
        scene.page_calls(("uas/glare", &[]), hold, "FINISH")?;
        scene.page_calls(("uas/reliable", &[]), hang_up, "FINISH")?;
        scene.page_calls(("uas/changes", &[("steps", &key)]), nothing, "FINISH")?;
        let answers = Manner::Answers;
        let talks = [("talk_ms", "1000")];
        scene.page_is_called(("uac/calls", &talks), answers, nothing, "FINISH")?;
        let sdp = [("ack", "@SDP@")];
        scene.page_is_called(("uac/offerless", &sdp), answers, hang_up, "FINISH")?;
        let declined = [("status", "486")];
        let declines = Manner::Declines;
        scene.page_is_called(("uac/is_refused", &declined), declines, nothing, "FINISH")?;
        scene.page_is_called(("uac/cancels", &[]), Manner::Rings, nothing, "FINISH")?;

        let kinds = |name| {
            scene
                .secrets
                .iter()
                .filter(|(kind, _)| *kind == name)
                .count()
        };
        for (kind, least) in [
            ("password", 9),
            ("token", 9),
            ("ICE password", 12),
            ("digest response", 2),
        ] {
            ensure!(kinds(kind) >= least, "{} of {kind}", kinds(kind));
        }
        let log = scene.ringdown.log();
        for level in ["TRACE", "DEBUG", "INFO"] {
            ensure!(log.contains(level), "the log has no line at {level}");
        }
        for (kind, secret) in &scene.secrets {
            if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
                anyhow::bail!("a secret ({kind}) is in the log: {line}");
            }
        }
        check_records(&log)
    });
}

/// Nine calls were started and ended; what the lines in between are depends on the call.
fn check_records(log: &str) -> Result<()> {
    let is_record = |line: &&str| line.contains(" INFO ") && line.contains(" call=");
    let records: Vec<&str> = log.lines().filter(is_record).collect();
    let of = |what: &str| {
        let told = format!(" INFO gateway::call_log: {what}");
        records.iter().filter(|line| line.contains(&told)).count()
    };
    for (what, count) in [
        ("started: ", 9),
        ("ringing ", 7),
        ("answered: ", 6),
        ("agreed: ", 1),
        ("changed by ", 2),
        ("ended by ", 9),
    ] {
        ensure!(
            of(what) == count,
            "{} lines of {what}in\n{}",
            of(what),
            records.join("\n")
        );
    }
    for name in [" session=", " sip_call_id="] {
        let without = records.iter().find(|line| !line.contains(name));
        ensure!(without.is_none(), "no{name}: {without:?}");
    }
    Ok(())
}
