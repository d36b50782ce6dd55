//! The registrar (RFC 3261 §10.3), with digest (§22.4) by SHA-256 or MD5.
//!
//! Each REGISTER is answered on its own, without a transaction: a copy gets the same answer again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha20Rng;
use secrecy::SecretString;
use sip::digest::{Algorithm, Authorization, Challenge, check};
use sip::{Contact, Contacts, Header, HeaderName, Hop, Request, Response, Transport, Uri};

use crate::nonces::Nonces;
use crate::{ACCOUNTS, USER_AGENT};

/// What every account has.
const PASSWORD: &str = "demo";

/// A shorter life is refused with 423, s.
const SHORTEST: u32 = 10;

/// A longer one is cut, and this is what a phone gets that names none, s.
const LONGEST: u32 = 3600;

/// Phones per account.
const MOST_CONTACTS: usize = 10;

/// Who is registered where.
pub(crate) struct Registrar {
    realm: String,
    password: SecretString,
    nonces: Nonces,
    bindings: BTreeMap<&'static str, Vec<Binding>>,
}

/// A phone of an account.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// What it calls itself: the Request-URI of its calls.
    pub(crate) contact: Uri,
    /// Where its REGISTER came from: where its calls are sent.
    pub(crate) hop: Hop,
    expires_at: Instant,
    /// Call-ID and CSeq of the REGISTER that made it.
    origin: (String, u32),
}

/// Final status and reason, and headers that go with it.
type Refusal = (u16, &'static str, Vec<Header>);

impl Registrar {
    pub(crate) fn new(realm: String) -> Self {
        Self {
            realm,
            password: SecretString::from(PASSWORD),
            nonces: Nonces::default(),
            bindings: BTreeMap::new(),
        }
    }

    /// Where an account's phones are now.
    pub(crate) fn phones(&mut self, user: &str, now: Instant) -> Vec<Binding> {
        self.forget_expired(now);
        self.bindings.get(user).cloned().unwrap_or_default()
    }

    /// Answers a REGISTER.
    pub(crate) fn register(
        &mut self,
        request: &Request,
        from: &Hop,
        rng: &mut ChaCha20Rng,
        now: Instant,
    ) -> Response {
        self.forget_expired(now);
        let outcome = self
            .authenticated(request, rng, now)
            .and_then(|account| self.bind(account, request, from, now).map(|()| account));
        let (status, reason, headers) = match outcome {
            Ok(account) => (200, "OK", self.contacts(account, now)),
            Err(refusal) => refusal,
        };
        let mut response = Response::to(&request.headers, status, reason);
        if let Ok(to) = request.headers.to()
            && to.tag.is_none()
        {
            let tag = format!("{:016x}", rng.random::<u64>());
            response.headers.set(HeaderName::To, to.with_tag(tag));
        }
        // RFC 3581 §4.
        if let Ok(mut via) = request.headers.via() {
            if via.rport().is_some() {
                via.params.set("rport", from.addr.port());
            }
            via.params.set("received", from.addr.ip());
            let _ = response.headers.set_top_via(&via);
        }
        for header in headers {
            response.headers.push(header.name().clone(), header.value());
        }
        response.headers.push(HeaderName::Server, USER_AGENT);
        response
    }

    /// The account, if the request proves to be its owner's.
    fn authenticated(
        &mut self,
        request: &Request,
        rng: &mut ChaCha20Rng,
        now: Instant,
    ) -> Result<&'static str, Refusal> {
        let bad = |reason| (400, reason, Vec::new());
        let to = request.headers.to().map_err(|_| bad("Bad To"))?;
        let account = to
            .uri
            .user
            .as_deref()
            .and_then(|user| ACCOUNTS.into_iter().find(|known| *known == user))
            .ok_or((404, "No Such Account", Vec::new()))?;
        let mut stale = false;
        for value in request.headers.get_all(&HeaderName::Authorization) {
            let Ok(Some(answer)) = Authorization::parse(value) else {
                continue;
            };
            if !self.right(&answer, account, request) {
                continue;
            }
            let id = (
                request.headers.call_id().unwrap_or_default().to_owned(),
                request.headers.cseq().map_or(0, |cseq| cseq.number),
            );
            if self.nonces.take(&answer.nonce, answer.nc, id, now) {
                return Ok(account);
            }
            stale = true;
        }
        // RFC 8760 §2.4: the preferred one first.
        let mut algorithms = vec![Algorithm::Sha256, Algorithm::Md5];
        if stumbles_over_sha256(request) {
            algorithms.remove(0);
        }
        let challenges = algorithms.into_iter().map(|algorithm| {
            let nonce = self.nonces.issue(rng, now);
            let mut challenge = Challenge::new(&self.realm, nonce, algorithm);
            challenge.stale = stale;
            Header::new(HeaderName::WwwAuthenticate, challenge)
        });
        Err((401, "Unauthorized", challenges.collect()))
    }

    /// Name, realm, URI and hash are right; the nonce is not looked at.
    fn right(&self, answer: &Authorization, account: &str, request: &Request) -> bool {
        answer.realm == self.realm
            && Uri::parse(&answer.uri).is_ok_and(|uri| uri.equivalent(&request.uri))
            && check(
                answer,
                account,
                &self.password,
                &request.method,
                &request.body,
            )
    }

    /// Adds, refreshes and removes bindings: all of them or, on error, none (§10.3 step 7).
    fn bind(
        &mut self,
        account: &'static str,
        request: &Request,
        from: &Hop,
        now: Instant,
    ) -> Result<(), Refusal> {
        let headers = &request.headers;
        let bad = |reason| (400, reason, Vec::new());
        let origin = (
            headers.call_id().unwrap_or_default().to_owned(),
            headers.cseq().map_or(0, |cseq| cseq.number),
        );
        let mut bindings = self.bindings.get(account).cloned().unwrap_or_default();
        match headers.contacts().map_err(|_| bad("Bad Contact"))? {
            Contacts::Star if headers.expires() == Some(0) => bindings.clear(),
            Contacts::Star => return Err(bad("Star Needs Expires 0")),
            Contacts::List(list) => {
                for contact in list {
                    let life = life(&contact, headers.expires())?;
                    let known = bindings
                        .iter()
                        .position(|binding| binding.contact.equivalent(&contact.uri));
                    if let Some(known) = known {
                        let old = bindings.remove(known);
                        // Step 7: of one Call-ID only a higher CSeq counts; an equal one is a copy.
                        if old.origin.0 == origin.0 && old.origin.1 > origin.1 {
                            return Err((500, "CSeq Is Too Low", Vec::new()));
                        }
                    }
                    if life.is_zero() {
                        continue;
                    }
                    bindings.push(Binding {
                        contact: bare(contact.uri),
                        hop: from.clone(),
                        expires_at: now + life,
                        origin: origin.clone(),
                    });
                }
            }
        }
        if bindings.len() > MOST_CONTACTS {
            return Err((403, "Too Many Contacts", Vec::new()));
        }
        self.bindings.insert(account, bindings);
        Ok(())
    }

    /// All bindings of an account, as the 200 lists them (§10.3 step 8).
    fn contacts(&self, account: &str, now: Instant) -> Vec<Header> {
        let bindings = self.bindings.get(account).into_iter().flatten();
        bindings
            .map(|binding| {
                let mut contact = Contact::new(binding.contact.clone());
                let left = binding.expires_at.saturating_duration_since(now);
                contact.params.set("expires", left.as_secs());
                Header::new(HeaderName::Contact, contact)
            })
            .collect()
    }

    fn forget_expired(&mut self, now: Instant) {
        for bindings in self.bindings.values_mut() {
            bindings.retain(|binding| binding.expires_at > now);
        }
    }
}

/// Where the answer goes (RFC 3261 §18.2.2, RFC 3581 §4).
pub(crate) fn reply_hop(request: &Request, from: &Hop) -> Hop {
    let mut hop = from.clone();
    if hop.transport == Transport::Udp
        && let Ok(via) = request.headers.via()
        && via.rport().is_none()
    {
        hop.addr.set_port(via.port.unwrap_or(5060));
    }
    hop
}

/// A phone passes over a challenge it does not understand (RFC 8760 §2.4). baresip 1.0.0 of Debian 12 gives up instead
/// ("Function not implemented"), though MD5 is offered beside SHA-256.
fn stumbles_over_sha256(request: &Request) -> bool {
    let agent = request
        .headers
        .get(&HeaderName::UserAgent)
        .unwrap_or_default();
    ["baresip v0.", "baresip v1."]
        .iter()
        .any(|old| agent.starts_with(old))
}

/// How long a binding shall hold; zero removes it (§10.3 step 6).
fn life(contact: &Contact, expires: Option<u32>) -> Result<Duration, Refusal> {
    let wanted = contact.expires().or(expires).unwrap_or(LONGEST);
    if (1..SHORTEST).contains(&wanted) {
        let least = Header::new(HeaderName::MinExpires, SHORTEST);
        return Err((423, "Interval Too Brief", vec![least]));
    }
    Ok(Duration::from_secs(wanted.min(LONGEST).into()))
}

/// As a Request-URI may be (§19.1.1): without headers.
fn bare(mut uri: Uri) -> Uri {
    uri.headers = None;
    uri
}
