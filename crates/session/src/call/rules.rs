//! The settings that calls obey.

use std::time::Duration;

use sdp::CodecSettings;

/// How calls behave; the same for all of them.
#[derive(Debug, Clone)]
pub struct CallRules {
    /// `codecs`, `codecs_exclude_sip`, `allow_outside_codecs`.
    pub codecs: CodecSettings,
    /// `generate_av_for_ua`: peers whose User-Agent holds one of these (lower case) take no video,
    /// and yet the page is shown some; `all` means every peer.
    pub generate_av_for_ua: Vec<String>,
    /// A page that rings unanswered this long is taken as absent (`no_answer_timeout`).
    pub no_answer_timeout: Duration,
    /// ICE and DTLS must be up this long after the last SDP.
    pub ice_timeout: Duration,
    /// The 200 to an incoming call does not wait longer for DTLS.
    pub answer_delay: Duration,
    /// The media side must react within this.
    pub media_timeout: Duration,
    /// What the page hears of 486 and 600 (`sip_busy_status`).
    pub busy_status: BusyStatus,
    /// What the SIP side hears when a person declines (`sip_decline_code`).
    pub decline_code: u16,
}

impl Default for CallRules {
    fn default() -> Self {
        Self {
            codecs: CodecSettings::default(),
            generate_av_for_ua: Vec::new(),
            no_answer_timeout: Duration::from_secs(60),
            ice_timeout: Duration::from_secs(10),
            answer_delay: Duration::from_millis(300),
            media_timeout: Duration::from_secs(5),
            busy_status: BusyStatus::Failed,
            decline_code: 486,
        }
    }
}

impl CallRules {
    /// Whether `generate_av_for_ua` names this peer.
    pub(super) fn generates_video_for(&self, user_agent: Option<&str>) -> bool {
        let user_agent = user_agent.unwrap_or_default().to_ascii_lowercase();
        let names = |part: &String| part == "all" || user_agent.contains(part.as_str());
        self.generate_av_for_ua.iter().any(names)
    }
}

/// The final status of a busy callee; the published pages recover from all but `Busy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusyStatus {
    /// `busy{BUSY}`, then `finish{FAILED}`.
    Failed,
    /// `busy{BUSY}`, then `finish{FINISH}`.
    Finish,
    /// `busy{BUSY}`, then `finish{BUSY}`.
    Busy,
}
