//! Session timers (RFC 4028): a call whose peer has vanished ends, and a proxy that counts calls learns which are still
//! up.
//!
//! ```text
//!  2xx with Session-Expires ─┬─ we refresh ─ half the interval ─► UPDATE, or re-INVITE where UPDATE is not allowed
//!                            └─ nobody has refreshed shortly before the interval ends ─► BYE
//! ```

use std::time::{Duration, Instant};

use super::Ua;
use super::ask::{Ask, Verb};
use super::call::Phase;
use super::client_transactions::Failure;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::InviteId;
use crate::cause::{Cause, Side, Stage};
use crate::header::{HeaderName, MinSe, Refresher, SessionExpires};
use crate::message::{Headers, Method, Request, Response};

/// Section 5: Min-SE is never less than 90 seconds.
const SHORTEST_S: u32 = 90;

/// The longest interval that a peer may ask for: a day.
const LONGEST_S: u32 = 86_400;

/// A refused refresh is tried again in half the time that is left, but not sooner than this.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A peer that names a longer interval with every 422 is not followed further than this.
const MAX_RAISES: u8 = 4;

/// What 422 responses have asked for so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Raised {
    /// Shortest interval that somebody on the path accepts, in seconds.
    min_se_s: u32,
    times: u8,
}

impl Raised {
    /// Takes a 422 to a request that asked for `asked_s` seconds. True if another try makes sense (section 7.3).
    pub(crate) fn raise(&mut self, asked_s: u32, response: &Response) -> bool {
        let wanted = response.headers.min_se().map_or(0, |min| min.seconds);
        if wanted <= asked_s.max(self.min_se_s) || wanted > LONGEST_S || self.times == MAX_RAISES {
            return false;
        }
        self.min_se_s = wanted;
        self.times += 1;
        true
    }
}

/// The timer of one dialog.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionTimer {
    /// Seconds between refreshes as agreed last; 0: the session has no timer.
    interval_s: u32,
    we_refresh: bool,
    raised: Raised,
    /// When we give the session up.
    expires_at: Option<Instant>,
    /// The peer has refused UPDATE although it allows it.
    without_update: bool,
    /// A refresh by re-INVITE waits until no offer is open, and then for the offer of the owner of the call.
    pub(crate) refresh_waits: bool,
}

impl Ua {
    /// Our own shortest interval, in seconds.
    fn min_se_s(&self) -> u32 {
        seconds(self.config.min_se).max(SHORTEST_S)
    }

    /// The interval that an initial INVITE asks for before anybody has refused it, in seconds; `None`: no timer.
    pub(crate) fn own_interval_s(&self) -> Option<u32> {
        let wanted = seconds(self.config.session_expires);
        (wanted > 0).then(|| wanted.max(self.min_se_s()))
    }

    /// What an initial INVITE says of session timers.
    pub(crate) fn timer_request(&self, raised: Raised) -> Vec<(HeaderName, String)> {
        let Some(wanted) = self.own_interval_s() else {
            return Vec::new();
        };
        let min = self.min_se_s().max(raised.min_se_s);
        let asked = SessionExpires {
            seconds: wanted.max(min),
            refresher: None,
        };
        vec![
            (HeaderName::SessionExpires, asked.to_string()),
            (HeaderName::MinSe, MinSe { seconds: min }.to_string()),
        ]
    }

    /// A 422 to a re-INVITE or UPDATE: true if the next one asks for more.
    pub(crate) fn interval_raised(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        response: &Response,
    ) -> bool {
        let Some(usage) = self.usage(id, remote_tag) else {
            return false;
        };
        let timer = &mut usage.timer;
        timer.raised.raise(timer.interval_s, response)
    }

    /// What a re-INVITE or UPDATE of ours says of the timer that runs. 7.4: the roles stay as they are.
    pub(crate) fn timer_headers(
        &mut self,
        id: InviteId,
        remote_tag: &str,
    ) -> Vec<(HeaderName, String)> {
        let own_min = self.min_se_s();
        let Some(usage) = self.usage(id, remote_tag) else {
            return Vec::new();
        };
        let timer = &usage.timer;
        if timer.interval_s == 0 {
            return Vec::new();
        }
        let min = own_min.max(timer.raised.min_se_s);
        let refresher = if timer.we_refresh {
            Refresher::Uac
        } else {
            Refresher::Uas
        };
        let asked = SessionExpires {
            seconds: timer.interval_s.max(min),
            refresher: Some(refresher),
        };
        vec![
            (HeaderName::SessionExpires, asked.to_string()),
            (HeaderName::MinSe, MinSe { seconds: min }.to_string()),
        ]
    }

    /// A 2xx to a request of ours agrees on a timer, or on none (7.2).
    pub(crate) fn timer_agreed(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        response: &Response,
        now: Instant,
    ) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        usage.timer.raised.times = 0;
        match response.headers.session_expires() {
            Some(agreed) => {
                usage.timer.interval_s = agreed.seconds.clamp(SHORTEST_S, LONGEST_S);
                usage.timer.we_refresh = agreed.refresher != Some(Refresher::Uas);
            }
            None => usage.timer.interval_s = 0,
        }
        self.run_timer(id, remote_tag, now);
    }

    /// What our 2xx to an INVITE or UPDATE of the peer says of the timer, and the timer runs (section 9).
    pub(crate) fn agree_on_timer(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
        now: Instant,
    ) -> Vec<(HeaderName, String)> {
        let (own, own_min) = (seconds(self.config.session_expires), self.min_se_s());
        let request = self
            .servers
            .get(&transaction)
            .map(|server| server.request.headers.clone());
        let Some((usage, request)) = self.usage(id, remote_tag).zip(request) else {
            return Vec::new();
        };
        let peer_supports = request.supported().has("timer");
        let asked = request.session_expires();
        let timer = &mut usage.timer;
        timer.interval_s = match asked {
            // Section 9: the UAS may lower the interval of the request but not raise it. A peer that knows what 422 means
            // has got one if the interval was below ours.
            Some(asked) => asked.seconds.clamp(SHORTEST_S, LONGEST_S),
            None if peer_supports && own > 0 => {
                let min = min_se_of(&request).max(own_min);
                own.max(min).min(LONGEST_S)
            }
            None => 0,
        };
        // Section 9, table 2: a peer without support cannot refresh; a peer with support decides who does.
        timer.we_refresh = match asked.and_then(|asked| asked.refresher) {
            Some(Refresher::Uac) => !peer_supports,
            Some(Refresher::Uas) | None => true,
        };
        let (interval_s, we_refresh) = (timer.interval_s, timer.we_refresh);
        self.run_timer(id, remote_tag, now);
        if interval_s == 0 {
            return Vec::new();
        }
        let refresher = if we_refresh {
            Refresher::Uas
        } else {
            Refresher::Uac
        };
        let agreed = SessionExpires {
            seconds: interval_s,
            refresher: Some(refresher),
        };
        let mut headers = vec![(HeaderName::SessionExpires, agreed.to_string())];
        if !we_refresh {
            // Section 9: where the peer is the refresher, the 2xx requires `timer`.
            headers.push((HeaderName::Require, "timer".to_owned()));
        }
        headers
    }

    /// Section 9: an interval below ours is refused with 422 if the peer supports session timers.
    pub(crate) fn interval_too_small(
        &self,
        request: &Request,
    ) -> Option<(u16, Vec<(HeaderName, String)>)> {
        let asked = request.headers.session_expires()?.seconds;
        let min = self.min_se_s();
        (asked < min && request.headers.supported().has("timer")).then(|| {
            (
                422,
                vec![(HeaderName::MinSe, MinSe { seconds: min }.to_string())],
            )
        })
    }

    /// Sets the alarms of the timer anew.
    fn run_timer(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        if !self.main_usage_is(id, remote_tag) {
            return;
        }
        let owner = Owner::Call(id);
        self.schedule.clear(owner, Alarm::SessionRefresh);
        self.schedule.clear(owner, Alarm::SessionExpires);
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let timer = &mut usage.timer;
        timer.refresh_waits = false;
        timer.expires_at = None;
        if timer.interval_s == 0 {
            return;
        }
        let interval = Duration::from_secs(u64::from(timer.interval_s));
        // Section 10: BYE is sent slightly before the session expires, by the smaller of 32 seconds and one third of the
        // session interval.
        let early = Duration::from_secs(32).min(interval / 3);
        let expires_at = now + interval.saturating_sub(early);
        timer.expires_at = Some(expires_at);
        let refreshes = timer.we_refresh;
        self.schedule.set(owner, Alarm::SessionExpires, expires_at);
        if refreshes {
            // Sections 7.2 and 9 recommend half of the session interval.
            self.schedule
                .set(owner, Alarm::SessionRefresh, now + interval / 2);
        }
    }

    /// It is our turn to refresh the session.
    pub(crate) fn refresh_session(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Some(tag) = call
            .main
            .clone()
            .filter(|_| call.phase == Phase::Established)
        else {
            return;
        };
        let headers = self.timer_headers(id, &tag);
        let Some(usage) = self.usage(id, &tag) else {
            return;
        };
        if usage.peer.allows(&Method::Update) && !usage.timer.without_update {
            let mut update = Ask::new(Verb::Update);
            update.headers = headers;
            return self.ask(id, &tag, update, now);
        }
        usage.timer.refresh_waits = true;
        self.offer_if_due(id, &tag);
    }

    /// Our UPDATE that refreshes the session is answered.
    pub(crate) fn update_answered(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        response: &Response,
        now: Instant,
    ) {
        // The call may have been hung up meanwhile.
        if self
            .usage(id, remote_tag)
            .is_none_or(|usage| !usage.staying())
        {
            return;
        }
        match response.status {
            200..=299 => {
                self.refresh_target(id, remote_tag, &response.headers, now);
                self.timer_agreed(id, remote_tag, response, now);
            }
            422 if self.interval_raised(id, remote_tag, response) => self.refresh_session(id, now),
            405 | 501 => {
                if let Some(usage) = self.usage(id, remote_tag) {
                    usage.timer.without_update = true;
                }
                self.refresh_session(id, now);
            }
            // Section 10: of all responses to a refresh only 408 and 481 end the call.
            408 | 481 => {
                let cause = self.refused_in_dialog(id, &Method::Update, response);
                self.dialog_lost(id, remote_tag, cause, now);
            }
            _ => self.refresh_refused(id, remote_tag, now),
        }
    }

    /// Our UPDATE that refreshes the session got no answer.
    pub(crate) fn update_failed(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        failure: &Failure,
        now: Instant,
    ) {
        if self
            .usage(id, remote_tag)
            .is_none_or(|usage| !usage.staying())
        {
            return;
        }
        match failure {
            Failure::TimedOut => {
                let cause = self.unanswered_in_dialog(id, &Method::Update, failure);
                self.dialog_lost(id, remote_tag, cause, now);
            }
            Failure::Transport(_) => self.refresh_refused(id, remote_tag, now),
        }
    }

    /// A refresh of ours was refused: it is tried again while the session lives.
    pub(crate) fn refresh_refused(&mut self, id: InviteId, remote_tag: &str, now: Instant) {
        let Some(usage) = self.usage(id, remote_tag) else {
            return;
        };
        let Some(expires_at) = usage.timer.expires_at else {
            return;
        };
        let wait = expires_at.saturating_duration_since(now) / 2;
        if wait >= RETRY_AFTER {
            self.schedule
                .set(Owner::Call(id), Alarm::SessionRefresh, now + wait);
        }
    }

    /// Nobody has refreshed the session in time.
    pub(crate) fn session_expired(&mut self, id: InviteId, now: Instant) {
        let Some(call) = self.calls.get(&id) else {
            return;
        };
        let Some(tag) = call
            .main
            .clone()
            .filter(|_| call.phase == Phase::Established)
        else {
            return;
        };
        let interval_s = call
            .usages
            .get(&tag)
            .map_or(0, |usage| usage.timer.interval_s);
        let text = format!(
            "{} has not refreshed the session within {interval_s} s; it seems to be gone.",
            call.peer
        );
        let mut cause = Cause::new(408, Stage::Call, Side::Sip, text);
        cause.reason = "Session timer expired".to_owned();
        self.dialog_lost(id, &tag, cause, now);
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn min_se_of(headers: &Headers) -> u32 {
    headers.min_se().map_or(0, |min| min.seconds)
}
