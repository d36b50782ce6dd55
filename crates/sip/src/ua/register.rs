//! REGISTER: the binding, its refresh, its failures, its end (RFC 3261 section 10).
//!
//! ```text
//!  register() ─► LookingUp ─► Registering ─200─► Registered ─ refresh ─► LookingUp
//!                    │             │ first failure: gone        ▲
//!                    └─────────────┴─ failure later ─► Waiting ─┘
//!  unregister(): REGISTER with Expires 0 ─► Leaving ─ any end ─► gone
//! ```
//! How long a registration waits after a failure depends on its kind. A registrar that cannot be reached, times out or
//! answers 5xx is asked again within seconds, so that its return is noticed at once. One that refuses is asked again
//! after 1, 5 and then every 30 minutes: it counts refusals, and bans whoever sends many. A wrong password ends the
//! registration.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Ua;
use super::auth::{Auth, Realms, Refusal, When};
use super::call_out::unreachable_server;
use super::capabilities::allow;
use super::client_transactions::{Failure, User};
use super::events::Event;
use super::look_up::Seeker;
use super::schedule::{Alarm, Owner, TransactionId};
use super::types::{Account, RegistrationId};
use crate::cause::{Cause, Side, Stage};
use crate::header::{CSeq, Contacts, FromTo, HeaderName};
use crate::message::{Headers, Method, Request, Response};
use crate::resolve::Hop;
use crate::uri::Uri;

/// The life that is asked for a binding, in seconds. It is short, so that a server which lost its table hears of us soon.
const EXPIRES: u32 = 300;

/// The longest life that a registrar may demand (423), in seconds: a day.
const MAX_EXPIRES: u32 = 86_400;

/// The longest wait before another try while an outage is young (b36: back within 10 s).
const SOON: Duration = Duration::from_secs(8);

/// The same when the outage has lasted.
const LATER: Duration = Duration::from_secs(30);

/// Failures after which an outage counts as lasting.
const MANY: u32 = 20;

/// Waits before another try after the registrar has refused a refresh: the last one repeats.
const AFTER_REFUSAL: [Duration; 3] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
];

/// The longest Retry-After that is respected.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30 * 60);

/// How a try failed, which decides about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// No answer, or one that says the server has a problem of its own (408, 5xx); with its Retry-After.
    Outage(Option<Duration>),
    /// The registrar does not want this registration; with its Retry-After.
    Refused(Option<Duration>),
    /// The registrar refused a fresh answer to its challenge. Another try would be guessing.
    WrongPassword,
}

/// Where a registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LookingUp,
    Registering,
    Registered,
    /// A refresh failed; another try is scheduled.
    Waiting,
    /// REGISTER with Expires 0 is out.
    Leaving,
}

/// One account at its registrar.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    state: State,
    pub(crate) account: Account,
    /// The user part of our Contact. Whoever names it learned it from the registrar.
    pub(crate) token: String,
    call_id: String,
    tag: String,
    cseq: u32,
    /// Seconds to ask for.
    expires: u32,
    /// All hops that the next hop's name resolved to last.
    pub(crate) hops: Vec<Hop>,
    /// Those of them that are left to try.
    left: VecDeque<Hop>,
    /// The hop in use.
    pub(crate) hop: Option<Hop>,
    /// What the next hop has asked for.
    pub(crate) realms: Realms,
    auth: Auth,
    transaction: Option<TransactionId>,
    /// A REGISTER has succeeded, so that later failures are retried.
    established: bool,
    /// Outages in a row.
    failures: u32,
    /// Refusals since the last success.
    refusals: u32,
    /// When the binding was last granted.
    granted_at: Option<Instant>,
    /// Connections that broke soon after a grant, in a row.
    broken: u32,
    /// `unregister` was called.
    pub(crate) leaving: bool,
    last_failure: Option<Cause>,
}

impl Registration {
    /// True for the same login at the same server.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        self.account.is_same_login(account)
    }

    fn server(&self) -> String {
        self.account.next_hop.to_string()
    }
}

impl Ua {
    /// Registers an account and keeps it registered. [`Event::Registered`] or [`Event::RegistrationFailed`] follows.
    pub fn register(&mut self, account: Account, now: Instant) -> RegistrationId {
        let id = RegistrationId(self.fresh_id());
        let registration = Registration {
            state: State::LookingUp,
            token: self.random_hex(128),
            call_id: self.random_hex(128),
            tag: self.random_hex(64),
            cseq: 0,
            expires: EXPIRES,
            hops: Vec::new(),
            left: VecDeque::new(),
            hop: None,
            realms: Realms::default(),
            auth: Auth::default(),
            transaction: None,
            established: false,
            failures: 0,
            refusals: 0,
            granted_at: None,
            broken: 0,
            leaving: false,
            last_failure: None,
            account,
        };
        self.tokens.insert(registration.token.clone(), id);
        self.registrations.insert(id, registration);
        self.begin_registration(id, now);
        id
    }

    /// Removes the binding; [`Event::Unregistered`] follows, whatever the registrar says.
    pub fn unregister(&mut self, id: RegistrationId, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id).filter(|r| !r.leaving) else {
            return;
        };
        registration.leaving = true;
        self.schedule.clear_all(Owner::Registration(id));
        match registration.state {
            State::LookingUp if registration.hop.is_none() => {
                self.registration_gone(id, Event::Unregistered { id })
            }
            // The answer that is on its way may make a binding, which is removed then.
            State::Registering | State::Leaving => {}
            State::LookingUp | State::Registered | State::Waiting => self.remove_binding(id, now),
        }
    }

    /// Begins one more REGISTER with the look-up of the registrar.
    fn begin_registration(&mut self, id: RegistrationId, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        registration.state = State::LookingUp;
        registration.auth.begin();
        registration.last_failure = None;
        let target = registration.account.next_hop.clone();
        self.look_up(&target, Seeker::Registration(id), now);
    }

    /// The look-up of the registrar is done.
    pub(crate) fn registration_found(
        &mut self,
        id: RegistrationId,
        hops: Result<Vec<Hop>, Cause>,
        now: Instant,
    ) {
        let Some(registration) = self
            .registrations
            .get_mut(&id)
            .filter(|r| r.state == State::LookingUp)
        else {
            return;
        };
        match hops {
            Ok(mut hops) => {
                // The hop that answered last stays first as long as DNS names it.
                if let Some(at) = hops
                    .iter()
                    .position(|hop| Some(hop) == registration.hop.as_ref())
                {
                    let working = hops.remove(at);
                    hops.insert(0, working);
                }
                registration.hops = hops;
            }
            // The registrar may well be there although the name server is down.
            Err(_) if registration.established && !registration.hops.is_empty() => {}
            Err(cause) => return self.registration_failed(id, cause, Trouble::Outage(None), now),
        }
        registration.left = registration.hops.clone().into();
        self.register_at_next(id, now);
    }

    /// Sends REGISTER to the next hop; if none is left, this try has failed.
    fn register_at_next(&mut self, id: RegistrationId, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let Some(hop) = registration.left.pop_front() else {
            let server = registration.server();
            let cause = registration.last_failure.take();
            let cause =
                cause.unwrap_or_else(|| unreachable_server(&server, "no address is left to try"));
            return self.registration_failed(id, cause, Trouble::Outage(None), now);
        };
        registration.hop = Some(hop);
        registration.state = if registration.leaving {
            State::Leaving
        } else {
            State::Registering
        };
        self.send_register(id, now);
    }

    fn send_register(&mut self, id: RegistrationId, now: Instant) {
        let Some(registration) = self.registrations.get(&id) else {
            return;
        };
        let Some(hop) = registration.hop.clone() else {
            return;
        };
        let contact = self.contact(&registration.token, &hop);
        let life = self.config.timers.life();
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        registration.cseq += 1;
        let Some(mut request) = registration.request(&contact) else {
            let text = format!(
                "The SIP domain {:?} is not usable.",
                registration.account.domain
            );
            let cause = Cause::new(400, Stage::Input, Side::Browser, text);
            return self.registration_failed(id, cause, Trouble::Refused(None), now);
        };
        registration.auth.authorize(
            &mut request,
            &registration.account,
            &mut registration.realms,
            &mut self.rng,
        );
        // All hops together may take as long as one alone.
        let patience = life / u32::try_from(registration.hops.len().max(1)).unwrap_or(1);
        match self.start_client(request, &hop, User::Register(id), patience, now) {
            Some(transaction) => {
                if let Some(registration) = self.registrations.get_mut(&id) {
                    registration.transaction = Some(transaction);
                }
            }
            None => self.register_at_next(id, now),
        }
    }

    pub(crate) fn register_answered(
        &mut self,
        id: RegistrationId,
        transaction: TransactionId,
        response: &Response,
        now: Instant,
    ) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        if registration.transaction != Some(transaction) || response.status < 200 {
            return;
        }
        registration.transaction = None;
        match (registration.state, response.status) {
            (State::Leaving, 401 | 407) | (State::Registering, 401 | 407) => {
                self.register_challenged(id, response, now);
            }
            (State::Leaving, _) => self.registration_gone(id, Event::Unregistered { id }),
            (State::Registering, _) if registration.leaving => self.remove_binding(id, now),
            (State::Registering, 200..=299) => self.register_granted(id, response, now),
            // 10.2.8: "If a UA receives a 423 (Interval Too Brief) response, it MAY retry the registration after making the expiration interval of all contact addresses in the REGISTER request equal to
            // or greater than the expiration interval within the Min-Expires header field".
            (State::Registering, 423) => {
                let wanted = response.headers.min_expires().unwrap_or(0);
                if (registration.expires + 1..=MAX_EXPIRES).contains(&wanted) {
                    registration.expires = wanted;
                    return self.send_register(id, now);
                }
                self.register_refused(id, response, now);
            }
            (State::Registering, 503) if !registration.left.is_empty() => {
                self.register_at_next(id, now)
            }
            (State::Registering, _) => self.register_refused(id, response, now),
            (State::LookingUp | State::Registered | State::Waiting, _) => {}
        }
    }

    fn register_granted(&mut self, id: RegistrationId, response: &Response, now: Instant) {
        let jitter = self.random_below(1000);
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let granted = registration.granted(response);
        if granted == 0 {
            let server = registration.server();
            let text = format!("{server} accepted the registration but keeps it for 0 seconds.");
            let cause = Cause::new(200, Stage::Register, Side::Sip, text);
            return self.registration_failed(id, cause, Trouble::Refused(None), now);
        }
        registration.state = State::Registered;
        registration.established = true;
        registration.failures = 0;
        registration.refusals = 0;
        registration.granted_at = Some(now);
        let expires = Duration::from_secs(u64::from(granted));
        // The refresh comes after 85 to 90 % of the time granted, so that not all refresh at once, and at least 5 s before
        // its end if the time granted allows.
        let early = expires.mul_f64(0.85 + 0.05 * jitter as f64 / 1000.0);
        let latest = expires
            .saturating_sub(Duration::from_secs(5))
            .max(expires / 2);
        self.schedule.set(
            Owner::Registration(id),
            Alarm::Refresh,
            now + early.min(latest),
        );
        self.event(Event::Registered { id, expires });
    }

    fn register_challenged(&mut self, id: RegistrationId, response: &Response, now: Instant) {
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        let verdict =
            registration
                .auth
                .challenged(response, When::Outside, &mut registration.realms);
        match verdict {
            Ok(()) => {
                if registration.leaving && registration.state == State::Registering {
                    return self.remove_binding(id, now);
                }
                self.send_register(id, now);
            }
            Err(refusal) => {
                let (login, server) = (
                    registration.account.auth_user.clone(),
                    registration.server(),
                );
                let mut cause = Cause::not_registered(
                    response.status,
                    &response.reason,
                    registration.account.user.as_str(),
                    &server,
                );
                cause.text = refusal.sentence(&login, &server, "REGISTER", response.status);
                let trouble = match refusal {
                    Refusal::WrongPassword => Trouble::WrongPassword,
                    _ => Trouble::Refused(None),
                };
                self.registration_failed(id, cause, trouble, now);
            }
        }
    }

    fn register_refused(&mut self, id: RegistrationId, response: &Response, now: Instant) {
        let Some(registration) = self.registrations.get(&id) else {
            return;
        };
        let user = registration.account.user.as_str();
        let cause = Cause::not_registered(
            response.status,
            &response.reason,
            user,
            &registration.server(),
        )
        .with_reasons(&response.headers.reasons());
        let after = response
            .headers
            .retry_after()
            .map(|after| Duration::from_secs(after.seconds.into()));
        let trouble = match response.status {
            408 | 500..=599 => Trouble::Outage(after),
            _ => Trouble::Refused(after),
        };
        self.registration_failed(id, cause, trouble, now);
    }

    /// A hop has not answered: the next one is tried, or this try has failed.
    pub(crate) fn register_failed(
        &mut self,
        id: RegistrationId,
        transaction: TransactionId,
        failure: &Failure,
        now: Instant,
    ) {
        let seconds = self.config.timers.life().as_secs();
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        if registration.transaction != Some(transaction) {
            return;
        }
        registration.transaction = None;
        let server = registration.server();
        registration.last_failure = Some(match failure {
            Failure::TimedOut => {
                let text = format!(
                    "The SIP server {server} did not answer within {seconds} s (no response to REGISTER)."
                );
                Cause::new(408, Stage::Register, Side::Sip, text)
            }
            Failure::Transport(error) => unreachable_server(&server, error),
        });
        self.register_at_next(id, now);
    }

    /// One try is over without success.
    fn registration_failed(
        &mut self,
        id: RegistrationId,
        mut cause: Cause,
        trouble: Trouble,
        now: Instant,
    ) {
        let jitter = self.random_below(1000);
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        if registration.leaving {
            return self.registration_gone(id, Event::Unregistered { id });
        }
        let wait = match trouble {
            _ if !registration.established => None,
            Trouble::WrongPassword => None,
            Trouble::Outage(after) => {
                let wait = back_off(registration.failures, jitter);
                registration.failures += 1;
                Some(wait.max(after.unwrap_or_default().min(MAX_RETRY_AFTER)))
            }
            Trouble::Refused(after) => {
                let wait = after_refusal(registration.refusals, jitter);
                registration.refusals += 1;
                let wait = wait.max(after.unwrap_or_default().min(MAX_RETRY_AFTER));
                cause.text += &format!(" It is tried again in {}.", minutes(wait));
                Some(wait)
            }
        };
        let Some(wait) = wait else {
            let event = Event::RegistrationFailed {
                id,
                cause,
                retry_in: None,
            };
            return self.registration_gone(id, event);
        };
        registration.state = State::Waiting;
        self.schedule
            .set(Owner::Registration(id), Alarm::Retry, now + wait);
        self.event(Event::RegistrationFailed {
            id,
            cause,
            retry_in: Some(wait),
        });
    }

    /// The connection that a binding was made over is gone, and incoming calls may not find us any more. REGISTER goes out
    /// over a new one. A server that closes after every answer is asked ever more slowly.
    pub(crate) fn renew_bindings(&mut self, hop: &Hop, now: Instant) {
        let bound = self.registrations.iter().filter(|(_, registration)| {
            registration.state == State::Registered && registration.hop.as_ref() == Some(hop)
        });
        for id in bound.map(|(id, _)| *id).collect::<Vec<_>>() {
            let jitter = self.random_below(1000);
            let Some(registration) = self.registrations.get_mut(&id) else {
                continue;
            };
            let young = registration
                .granted_at
                .is_some_and(|at| now.duration_since(at) < LATER);
            registration.broken = if young { registration.broken + 1 } else { 0 };
            let wait = back_off(registration.broken, jitter);
            self.schedule
                .hasten(Owner::Registration(id), Alarm::Refresh, now + wait);
        }
    }

    pub(crate) fn registration_alarm(&mut self, id: RegistrationId, alarm: Alarm, now: Instant) {
        if matches!(alarm, Alarm::Refresh | Alarm::Retry) {
            self.begin_registration(id, now);
        }
    }

    /// Sends REGISTER with Expires 0 to the hop that holds the binding.
    fn remove_binding(&mut self, id: RegistrationId, now: Instant) {
        self.forget_look_ups(|seeker| *seeker == Seeker::Registration(id));
        let Some(registration) = self.registrations.get_mut(&id) else {
            return;
        };
        registration.auth.begin();
        registration.left = registration.hop.clone().into_iter().collect();
        self.register_at_next(id, now);
    }

    fn registration_gone(&mut self, id: RegistrationId, event: Event) {
        self.schedule.clear_all(Owner::Registration(id));
        self.forget_look_ups(|seeker| *seeker == Seeker::Registration(id));
        if let Some(registration) = self.registrations.remove(&id) {
            self.tokens.remove(&registration.token);
            self.event(event);
        }
    }
}

/// How long to wait after the registrar has refused `refusals` refreshes before; `jitter` in 0..1000. Up to a tenth more
/// at random, so that the phones of a company do not all come back at once.
fn after_refusal(refusals: u32, jitter: u64) -> Duration {
    let step = usize::try_from(refusals).unwrap_or(usize::MAX);
    let [.., last] = AFTER_REFUSAL;
    let wait = AFTER_REFUSAL.get(step).copied().unwrap_or(last);
    wait.mul_f64(1.0 + 0.1 * jitter as f64 / 1000.0)
}

/// `1 minute`, `5 minutes`.
fn minutes(time: Duration) -> String {
    match time.as_secs() / 60 {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

/// How long to wait before trying again after `failures` outages in a row; `jitter` in 0..1000. Half of it is random, so
/// that a thousand phones do not come back in the same second.
fn back_off(failures: u32, jitter: u64) -> Duration {
    let doubled = Duration::from_secs(1 << failures.min(5));
    let limit = if failures < MANY { SOON } else { LATER };
    doubled
        .min(limit)
        .mul_f64(0.5 + 0.5 * jitter as f64 / 1000.0)
}

impl Registration {
    /// The REGISTER without Via and credentials (RFC 3261 section 10.2); `None` if the domain makes no URI.
    fn request(&self, contact: &str) -> Option<Request> {
        let mut headers = Headers::new();
        let expires = if self.leaving { 0 } else { self.expires };
        let address = Uri::address_of_record(&self.account.user, &self.account.domain).ok()?;
        // 10.2: "The "userinfo" and "@" components of the SIP URI MUST NOT be present."
        let mut registrar = address.clone();
        registrar.user = None;
        let to = FromTo::new(address).with_display(self.account.display.clone());
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, to.clone().with_tag(self.tag.clone()));
        headers.push(HeaderName::To, to);
        // 10.2: "All registrations from a UAC SHOULD use the same Call-ID header field value for registrations sent to a
        // particular registrar." and "A UA MUST increment the CSeq value by one for each REGISTER request with the same
        // Call-ID."
        headers.push(HeaderName::CallId, &self.call_id);
        headers.push(
            HeaderName::CSeq,
            CSeq {
                number: self.cseq,
                method: Method::Register,
            },
        );
        headers.push(HeaderName::Contact, format!("{contact};expires={expires}"));
        headers.push(HeaderName::Expires, expires);
        headers.push(HeaderName::Allow, allow());
        Some(Request {
            method: Method::Register,
            uri: registrar,
            headers,
            body: Default::default(),
        })
    }

    /// The seconds granted: the `expires` of our Contact in the 2xx, else Expires, else what was asked for (10.2.4, 10.3).
    fn granted(&self, response: &Response) -> u32 {
        let lines = response.headers.get_all(&HeaderName::Contact);
        let contacts = lines.filter_map(|line| match Contacts::parse(line) {
            Ok(Contacts::List(list)) => Some(list),
            _ => None,
        });
        let ours = contacts
            .flatten()
            .find(|contact| contact.uri.user.as_deref() == Some(&self.token));
        let named = ours.and_then(|contact| contact.expires());
        named
            .or_else(|| response.headers.expires())
            .unwrap_or(self.expires)
    }
}
