//! Digits in SIP INFO, both ways: `application/dtmf-relay` and `application/dtmf`.
//!
//! Neither body has an RFC. `application/dtmf-relay` is lines of `Signal=` and `Duration=` (in ms), as
//! Cisco's gateways defined it; `application/dtmf` is the digit alone. Both also name a digit by its
//! RFC 4733 event number: 10 for `*`, 11 for `#`, 12 to 15 for `A` to `D`.

use std::collections::VecDeque;

use bytes::Bytes;
use signaling::{Digit, DigitHow, DtmfKind, ServerMessage};
use sip::{Cause, HeaderName, RequestId};

use super::{Call, Effect, State};
use crate::cause;
use crate::ids::LegId;

const RELAY: &str = "application/dtmf-relay";
const PLAIN: &str = "application/dtmf";

/// Digits of a page that may wait: the longest card numbers and PINs, several times over.
const MAX_WAITING: usize = 128;

/// Digits that a page sends, one INFO after the other: the next goes out when the one before has its
/// answer, so that none overtakes another.
#[derive(Debug, Default)]
pub(super) struct Digits {
    waiting: VecDeque<(DtmfKind, char)>,
    /// An INFO of ours has no answer yet.
    open: bool,
    /// The ACK of our 200 is still to come, and nothing of ours goes out before it.
    unconfirmed: bool,
}

impl Digits {
    /// For an incoming call.
    pub(super) fn unconfirmed() -> Self {
        Self {
            unconfirmed: true,
            ..Self::default()
        }
    }
}

impl Call {
    /// `sendDtmf`.
    pub(super) fn page_sends_digits(
        &mut self,
        leg: LegId,
        kind: DtmfKind,
        digits: &str,
        out: &mut Vec<Effect>,
    ) {
        match self.check_digits(leg, kind, digits) {
            Err(text) => self.warn(leg, "sendDtmf", &cause::input(text), out),
            Ok(digits) => {
                self.digits
                    .waiting
                    .extend(digits.map(|digit| (kind, digit)));
                self.send_digit(out);
            }
        }
    }

    /// The digits of a page as the SIP side writes them, or a sentence.
    fn check_digits<'a>(
        &self,
        leg: LegId,
        kind: DtmfKind,
        digits: &'a str,
    ) -> Result<impl Iterator<Item = char> + use<'a>, String> {
        if kind == DtmfKind::Rfc2833 {
            return Err(
                "Digits in RTP (type RFC2833) are not available on this server yet: use \
                        type INFO or INFO_RELAY."
                    .into(),
            );
        }
        if self.state != State::Established || self.live != Some(leg) {
            return Err("The call is not up on this page, so no digit can be sent.".into());
        }
        if let Some(wrong) = digits.chars().find(|digit| !is_digit(*digit)) {
            let wrong = wrong.escape_default();
            return Err(format!(
                "\"{wrong}\" is no digit: digits are 0 to 9, *, # and A to D."
            ));
        }
        if self.digits.waiting.len() + digits.len() > MAX_WAITING {
            return Err(format!(
                "More than {MAX_WAITING} digits would wait: send fewer at once."
            ));
        }
        Ok(digits.chars().map(|digit| digit.to_ascii_uppercase()))
    }

    /// The caller has acknowledged our 200: digits may go out.
    pub(super) fn confirm_digits(&mut self, out: &mut Vec<Effect>) {
        self.digits.unconfirmed = false;
        if self.state == State::Established {
            self.send_digit(out);
        }
    }

    fn send_digit(&mut self, out: &mut Vec<Effect>) {
        if self.digits.open || self.digits.unconfirmed {
            return;
        }
        let Some((kind, digit)) = self.digits.waiting.pop_front() else {
            return;
        };
        self.digits.open = true;
        let (content_type, body) = match kind {
            DtmfKind::InfoRelay => (RELAY, format!("Signal={digit}\r\nDuration=250\r\n")),
            DtmfKind::Info | DtmfKind::Rfc2833 => (PLAIN, digit.to_string()),
        };
        out.push(Effect::Info {
            content_type,
            body: Bytes::from(body),
        });
    }

    /// An INFO of ours has its answer. After a refusal the digits that wait are dropped: what is left
    /// of a number is worse than none.
    pub(super) fn digit_done(&mut self, result: Result<(), Cause>, out: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.digits.open) {
            return;
        }
        if let (Err(cause), Some(leg)) = (result, self.live) {
            self.digits.waiting.clear();
            self.warn(leg, "sendDtmf", &cause, out);
        }
        self.send_digit(out);
    }

    /// INFO of the peer: a digit for the page, or something that we do not know (415, RFC 3261
    /// §21.4.13). An INFO without a body asks for nothing but a 200.
    pub(super) fn info_received(
        &mut self,
        request: RequestId,
        content_type: &str,
        body: &[u8],
        out: &mut Vec<Effect>,
    ) {
        let digit = match content_type {
            RELAY => relayed(body).ok_or(400),
            PLAIN => plain(body).ok_or(400),
            "" => return out.push(answer(request, 200)),
            _ => Err(415),
        };
        match digit {
            Err(status) => out.push(answer(request, status)),
            Ok(digit) => {
                out.push(answer(request, 200));
                self.tell_digit(digit, out);
            }
        }
    }

    fn tell_digit(&self, digit: char, out: &mut Vec<Effect>) {
        // A peer that has answered may send digits before the page's media is there.
        let live = self.live.and_then(|live| self.legs.get(&live));
        let Some(leg) = live.filter(|_| self.state != State::Ending) else {
            return;
        };
        let digit = Digit {
            call_id: leg.wire_id.clone(),
            digit,
            how: DigitHow::Info,
        };
        out.push(Effect::Page {
            session: leg.session,
            message: ServerMessage::Digit(digit),
        });
    }
}

fn answer(request: RequestId, status: u16) -> Effect {
    let headers = match status {
        // §21.4.13: "The server MUST return a list of acceptable formats using the Accept,
        // Accept-Encoding, or Accept-Language header field".
        415 => vec![(HeaderName::Accept, format!("{RELAY}, {PLAIN}"))],
        _ => Vec::new(),
    };
    Effect::Respond {
        request,
        status,
        headers,
        sdp: Bytes::new(),
    }
}

fn is_digit(digit: char) -> bool {
    matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D' | 'a'..='d')
}

/// `Signal=5`, in whichever line and case, with or without spaces.
fn relayed(body: &[u8]) -> Option<char> {
    let text = std::str::from_utf8(body).ok()?;
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let is_signal = name.trim().eq_ignore_ascii_case("signal");
        is_signal.then(|| one_digit(value)).flatten()
    })
}

fn plain(body: &[u8]) -> Option<char> {
    one_digit(std::str::from_utf8(body).ok()?)
}

fn one_digit(text: &str) -> Option<char> {
    let text = text.trim();
    let mut chars = text.chars();
    if let (Some(digit), None) = (chars.next(), chars.next()) {
        return is_digit(digit).then(|| digit.to_ascii_uppercase());
    }
    let event: usize = text.parse().ok()?;
    b"0123456789*#ABCD"
        .get(event)
        .map(|digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relayed_digit_is_found_however_it_is_written() {
        for (body, digit) in [
            ("Signal=5\r\nDuration=250\r\n", Some('5')),
            ("Signal= 5\nDuration= 160", Some('5')),
            ("Duration=100\r\nsignal=*\r\n", Some('*')),
            ("Signal=11\r\n", Some('#')),
            ("Signal=d", Some('D')),
            ("Signal=16", None),
            ("Signal=", None),
            ("Signal=55", None),
            ("", None),
        ] {
            assert_eq!(relayed(body.as_bytes()), digit, "{body:?}");
        }
    }

    #[test]
    fn a_plain_digit_may_be_a_number() {
        for (body, digit) in [
            ("5", Some('5')),
            (" #\r\n", Some('#')),
            ("10", Some('*')),
            ("x", None),
        ] {
            assert_eq!(plain(body.as_bytes()), digit, "{body:?}");
        }
    }
}
