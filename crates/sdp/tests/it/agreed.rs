//! Calls that have been set up, for tests of what comes later.

use sdp::{
    Agreement, CodecSettings, Direction, MediaPlan, answer_to_sip, offer_to_sip, plan_incoming,
    plan_outgoing,
};

use crate::samples::{local, origin, parsed, sip};

/// A browser with PCMU, PCMA, Opus and digits.
pub(crate) const BROWSER: &str = "v=0\no=- 5 2 IN IP4 127.0.0.1\ns=-\nt=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 0 8 111 126
c=IN IP4 0.0.0.0
a=rtpmap:111 opus/48000/2
a=rtpmap:126 telephone-event/8000
";

pub(crate) const BROWSER_VIDEO: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 102
c=IN IP4 0.0.0.0
a=rtpmap:96 VP8/90000
a=rtpmap:102 H264/90000
a=fmtp:102 profile-level-id=42e01f;packetization-mode=1
";

/// A call of ours; `answer` are the m-lines of the SIP side's answer.
#[track_caller]
pub(crate) fn outgoing(browser: &str, answer: &str) -> Agreement {
    let (browser, answer, settings) = (
        parsed(browser),
        parsed(&sip(answer)),
        CodecSettings::default(),
    );
    let ours = offer_to_sip(&browser, &local(), origin(), &settings, &[]).unwrap();
    let mut plan = plan_outgoing(&browser, &ours, &answer).unwrap();
    plan.keep_video(&browser, &ours, "183 is not the final answer");
    Agreement::new(browser, local(), settings, ours, answer, plan)
}

/// A call to us; `offer` are the m-lines of the INVITE.
#[track_caller]
pub(crate) fn incoming(offer: &str, browser: &str) -> Agreement {
    let (browser, offer, settings) = (
        parsed(browser),
        parsed(&sip(offer)),
        CodecSettings::default(),
    );
    let plan = plan_incoming(&offer, &browser, &settings).unwrap();
    let ours = answer_to_sip(&offer, &plan, &local(), origin(), &[]);
    Agreement::new(browser, local(), settings, ours, offer, plan)
}

pub(crate) fn version(agreement: &Agreement) -> u64 {
    agreement.ours().origin.version
}

pub(crate) fn audio(agreement: &Agreement) -> &MediaPlan {
    &agreement.plan().media[0]
}

pub(crate) fn direction(agreement: &Agreement) -> Direction {
    audio(agreement).sip_direction
}

/// The text from the first m-line on.
pub(crate) fn m_lines(agreement: &Agreement) -> String {
    let text = agreement.ours().to_string();
    text[text.find("m=").unwrap()..].to_owned()
}
