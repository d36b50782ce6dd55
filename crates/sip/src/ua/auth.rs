//! Answering digest challenges (RFC 3261 section 22, RFC 8760), and to whom an answer may go at all.
//!
//! A digest is material for guessing a password, so it leaves only toward the next hop the account names and, inside
//! a dialog, only for a realm that next hop has asked for before (trust: A4).

use std::collections::BTreeSet;

use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::Ua;
use super::types::{Account, InviteId};
use crate::digest::{self, Challenge};
use crate::header::HeaderName;
use crate::message::{Request, Response};
use crate::resolve::Hop;

/// Most answers to challenges in one go: several proxies, and nonces that age quickly.
const MAX_ROUNDS: u8 = 6;

/// Whose password it is, and with whom it may be used.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) account: Account,
    /// What the account's next hop resolved to.
    pub(crate) hops: Vec<Hop>,
    /// Realms that next hop has asked for.
    pub(crate) realms: BTreeSet<String>,
}

impl Credentials {
    pub(crate) fn new(account: Account, hops: Vec<Hop>) -> Self {
        Self {
            account,
            hops,
            realms: BTreeSet::new(),
        }
    }

    /// The hop is one the account was given for.
    pub(crate) fn covers(&self, hop: &Hop) -> bool {
        self.hops.contains(hop)
    }
}

/// The challenges of one conversation, and how often each was answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Auth {
    answers: Vec<Answer>,
    rounds: u8,
}

#[derive(Clone, Debug, PartialEq)]
struct Answer {
    challenge: Challenge,
    /// Requests sent with this nonce.
    uses: u32,
    /// Came after [`Auth::begin`]: only the answer to such a challenge says something about the password, an older
    /// nonce may just have aged.
    fresh: bool,
}

/// Why a challenge is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not from where the password may go.
    NotOurs,
    /// The answer was refused already.
    WrongPassword,
    /// No challenge, or none of a known algorithm.
    Unsupported,
    /// Challenge after challenge.
    TooOften,
}

impl Refusal {
    pub(crate) fn sentence(self, login: &str, server: &str, method: &str, status: u16) -> String {
        match self {
            Refusal::NotOurs => {
                format!(
                    "{server} asked for a password that is meant for another server; it was not given ({status})."
                )
            }
            Refusal::WrongPassword => {
                format!(
                    "Wrong SIP login or password: {server} refused the {method} of {login} with {status} twice."
                )
            }
            Refusal::Unsupported => {
                format!(
                    "{server} wants a kind of login this gateway does not have ({status} without a usable digest challenge)."
                )
            }
            Refusal::TooOften => {
                format!(
                    "{server} keeps asking for the password of {login} ({status} to every {method})."
                )
            }
        }
    }
}

impl Auth {
    /// A new request begins: what was refused before may be tried again.
    pub(crate) fn begin(&mut self) {
        self.rounds = 0;
        for answer in &mut self.answers {
            answer.fresh = false;
        }
    }

    /// How many challenges the next request answers.
    pub(crate) fn answered(&self) -> usize {
        self.answers.len()
    }

    /// Takes the challenges of a 401 or 407. The realms, if another try makes sense.
    pub(crate) fn challenged(&mut self, response: &Response) -> Result<BTreeSet<String>, Refusal> {
        let mut all = response.headers.challenges();
        all.retain(|challenge| challenge.proxy == (response.status == 407));
        let chosen = digest::strongest(&all);
        if chosen.is_empty() {
            return Err(Refusal::Unsupported);
        }
        self.rounds += 1;
        if self.rounds > MAX_ROUNDS {
            return Err(Refusal::TooOften);
        }
        for challenge in &chosen {
            let answer = Answer {
                challenge: (*challenge).clone(),
                uses: 0,
                fresh: true,
            };
            let same = |known: &&mut Answer| {
                known.challenge.realm == challenge.realm && known.challenge.proxy == challenge.proxy
            };
            match self.answers.iter_mut().find(same) {
                // RFC 7616 section 3.3: stale=true says that the password was right and only the nonce too old.
                Some(known)
                    if known.fresh
                        && (!challenge.stale || known.challenge.nonce == challenge.nonce) =>
                {
                    return Err(Refusal::WrongPassword);
                }
                Some(known) => *known = answer,
                None => self.answers.push(answer),
            }
        }
        Ok(chosen
            .iter()
            .map(|challenge| challenge.realm.clone())
            .collect())
    }

    /// Writes Authorization and Proxy-Authorization for every challenge known.
    pub(crate) fn authorize(
        &mut self,
        request: &mut Request,
        account: &Account,
        rng: &mut ChaCha20Rng,
    ) {
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        let credentials = digest::Credentials {
            username: &account.auth_user,
            password: &account.password,
        };
        for answer in &mut self.answers {
            answer.uses += 1;
            let cnonce = format!("{:016x}", rng.next_u64());
            let value = digest::respond(
                &answer.challenge,
                credentials,
                &request.method,
                &request.uri.to_string(),
                &request.body,
                &cnonce,
                answer.uses,
            );
            let name = if answer.challenge.proxy {
                HeaderName::ProxyAuthorization
            } else {
                HeaderName::Authorization
            };
            request.headers.push(name, value);
        }
    }
}

impl Ua {
    /// Whether this challenge to a request inside a dialog may be answered: it was sent to the account's own next hop,
    /// and every realm is one that hop has asked for before.
    pub(crate) fn may_answer_in_dialog(
        &self,
        id: InviteId,
        challenge: &Response,
        hop: &Hop,
    ) -> bool {
        let Some(call) = self.calls.get(&id) else {
            return false;
        };
        call.credentials.covers(hop)
            && challenge
                .headers
                .challenges()
                .iter()
                .all(|challenge| call.credentials.realms.contains(&challenge.realm))
    }
}
