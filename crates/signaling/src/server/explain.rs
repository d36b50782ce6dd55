//! `explain`, our extension: what a call negotiated, why, and the SIP messages that led there.

use serde::{Deserialize, Serialize};

use crate::MAX_FRAME_BYTES;

/// Most SIP messages in one explanation.
pub const MAX_LADDER: usize = 256;

/// `data[0]` of the server's `explain`: a live call as it is now, or one that ended as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The call.
    pub call_id: String,
    /// Call-ID of the SIP dialog, by which logs and captures of the SIP side find the call. Absent
    /// before there is a SIP message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip_call_id: Option<String>,
    /// What each side named in its latest SDP, one entry for each medium.
    pub offered: Vec<Offered>,
    /// What was made of it, one entry for each medium. Empty before both sides have spoken.
    pub chosen: Vec<Chosen>,
    /// Where the media of the SIP side flows, one entry for each medium that flows.
    pub addresses: Vec<MediaAddresses>,
    /// Who holds the call.
    pub hold: Holders,
    /// SIP messages of the call in the order in which they were sent and received.
    pub ladder: Vec<LadderEntry>,
    /// Messages left out of the middle of `ladder` by [`Explanation::fit`]; 0 if it is whole.
    pub ladder_omitted: usize,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Medium {
    /// Sound and telephone events.
    Audio,
    /// Pictures.
    Video,
}

/// The codecs of one medium, as each side named them in its own SDP and in its own order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Offered {
    /// Audio or video.
    pub medium: Medium,
    /// Codecs of the browser, as `a=rtpmap` writes them: "opus/48000/2".
    pub browser: Vec<String>,
    /// Codecs of the SIP peer, likewise; empty while it has not sent SDP or refuses the medium.
    pub sip: Vec<String>,
}

/// What was chosen for one medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// Audio or video.
    pub medium: Medium,
    /// Codec toward the browser, as `a=rtpmap` writes it; absent if the medium is refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub browser: Option<String>,
    /// Codec toward the SIP peer; absent if the peer has nothing for this medium.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sip: Option<String>,
    /// What happens to the media on its way.
    pub treatment: Treatment,
    /// Why, in words.
    pub reason: String,
}

/// What happens to the media of one medium on its way through the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Treatment {
    /// Payloads pass unchanged.
    Pass,
    /// PCMU and PCMA are converted to each other, sample by sample.
    G711,
    /// Pictures of the server stand in for those the SIP peer does not send.
    StandIn,
    /// The medium is refused.
    Refused,
}

/// Where the media of the SIP side flows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaAddresses {
    /// Audio or video.
    pub medium: Medium,
    /// Address and port of the server.
    pub local: String,
    /// Address and port of the SIP peer, as its SDP has them; absent where it names none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote: Option<String>,
}

/// Who holds a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holders {
    /// The page does.
    pub local: bool,
    /// The other side does.
    pub remote: bool,
}

/// One SIP message of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LadderEntry {
    /// Time since the call began, in milliseconds.
    pub at_ms: u64,
    /// Received or sent.
    pub direction: LadderDirection,
    /// "UDP", "TCP" or "TLS".
    pub transport: String,
    /// Address and port of the other end.
    pub peer: String,
    /// The message in a few words: "INVITE", "180 Ringing to INVITE".
    pub summary: String,
    /// The whole message. Digest responses, tokens and keys in it are replaced by `***` before it
    /// comes here.
    pub text: String,
}

/// Whether a SIP message was received or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LadderDirection {
    /// Received by this server.
    In,
    /// Sent by this server.
    Out,
}

impl Explanation {
    /// Leaves messages out of the middle of the ladder until the frame has at most
    /// [`MAX_FRAME_BYTES`] and the ladder at most [`MAX_LADDER`] entries. What opened the call and
    /// what happened last stay, and `ladder_omitted` grows by what went.
    pub fn fit(&mut self) {
        let mut bytes = self.wire_len();
        while !self.ladder.is_empty() && (bytes > MAX_FRAME_BYTES || self.ladder.len() > MAX_LADDER)
        {
            let removed = self.ladder.remove(self.ladder.len() / 2);
            bytes -= json_len(&removed) + 1; // and its comma
            self.ladder_omitted += 1;
        }
    }

    /// Length of its frame in bytes, or slightly more.
    pub fn wire_len(&self) -> usize {
        // Room for the envelope and for the digits of `ladder_omitted`.
        const ENVELOPE_BYTES: usize = 128;
        ENVELOPE_BYTES + json_len(self)
    }
}

/// Length of `value` on the wire, in bytes.
fn json_len<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}
