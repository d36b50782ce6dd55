//! Which digest challenges are answered, and with what (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! An answer lets whoever reads it try passwords without asking anyone, and a callee that receives our request through a
//! proxy can send a challenge just as the proxy can. So an answer goes only
//!
//! - to the next hop that the account names ([`Credentials::covers`]);
//! - before anyone can have been reached: not after a 101-199 in the same transaction;
//! - inside a dialog, for a realm that the next hop asked for earlier ([`Realms`]);
//! - with an algorithm and a qop no weaker than that realm has asked for before;
//! - once for each realm in one conversation, and again only for a new nonce with `stale=true` ([`Auth`]).
//!
//! ```text
//!  REGISTER, INVITE, MESSAGE, requests inside dialogs
//!      Auth::default()  ─► authorize() ─► sent ─► 401, 407 ─► challenged() ─┬─ Ok: authorize(), send again
//!      (or auth.begin())                                                    └─ Err: Refusal, with a sentence
//! ```

use std::collections::{BTreeMap, VecDeque};

use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::types::Account;
use crate::digest::{self, Challenge, Strength};
use crate::header::HeaderName;
use crate::message::{Request, Response};
use crate::resolve::Hop;

/// Most answers to challenges in one conversation: several proxies, and nonces that age quickly.
const MAX_ROUNDS: u8 = 6;

/// Most realms and most nonces that are remembered for one account.
const MAX_REMEMBERED: usize = 32;

/// An account, where its password may go, and what was asked for there.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) account: Account,
    /// What the account's next hop resolved to.
    pub(crate) hops: Vec<Hop>,
    /// What that next hop has asked for.
    pub(crate) realms: Realms,
}

impl Credentials {
    pub(crate) fn new(account: Account, hops: Vec<Hop>) -> Self {
        Self {
            account,
            hops,
            realms: Realms::default(),
        }
    }

    /// True if the hop is one the account was given for.
    pub(crate) fn covers(&self, hop: &Hop) -> bool {
        self.hops.contains(hop)
    }

    /// Takes the challenges of a 401 or 407 that came from `hop`. Ok: the same request may be sent again, authorized.
    pub(crate) fn challenged(
        &mut self,
        auth: &mut Auth,
        response: &Response,
        hop: &Hop,
        when: When,
    ) -> Result<(), Refusal> {
        if !self.covers(hop) {
            return Err(Refusal::NotOurs);
        }
        auth.challenged(response, when, &mut self.realms)
    }

    /// Writes the credentials that `auth` holds into a request to `hop`; none if the hop is not the account's own.
    pub(crate) fn authorize(
        &mut self,
        auth: &Auth,
        request: &mut Request,
        hop: &Hop,
        rng: &mut ChaCha20Rng,
    ) {
        if self.covers(hop) {
            auth.authorize(request, &self.account, &mut self.realms, rng);
        }
    }
}

/// What the next hop of an account has asked for: its realms, and how often each nonce was used.
///
/// A registration learns realms from REGISTER and passes them on to its calls. A call of an account that does not
/// register learns them from the challenges to its INVITE.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Realms {
    /// The most that each realm has asked for.
    learned: BTreeMap<String, Strength>,
    /// The oldest first.
    nonces: VecDeque<Nonce>,
}

/// A nonce that has been used.
#[derive(Clone, Debug, PartialEq)]
struct Nonce {
    realm: String,
    nonce: String,
    /// Requests sent with it: `nc` of the latest.
    uses: u32,
    /// The client nonce of the first request.
    cnonce: String,
}

impl Realms {
    /// True if the next hop has asked for this realm.
    pub(crate) fn knows(&self, realm: &str) -> bool {
        self.learned.contains_key(realm)
    }

    /// Whether a challenge asks for no less than its realm did before.
    fn permits(&self, challenge: &Challenge) -> bool {
        let before = self.learned.get(&challenge.realm);
        before.is_none_or(|before| Strength::of(challenge).is_at_least(before))
    }

    fn learn(&mut self, challenge: &Challenge) {
        if self.knows(&challenge.realm) || self.learned.len() < MAX_REMEMBERED {
            let strength = Strength::of(challenge);
            self.learned.insert(challenge.realm.clone(), strength);
        }
    }

    /// Counts one more use of a challenge's nonce: its `nc`, and the client nonce to send.
    ///
    /// RFC 2617 section 3.2.2.2 says of `MD5-sess` that "A1 is calculated only once", with "the first client nonce
    /// value", and RFC 7616 section 3.4.2 has the same formula for every `-sess` algorithm. Sending the first client nonce
    /// with every request makes each response right for servers that keep the A1 and for those that compute it anew.
    fn count(&mut self, challenge: &Challenge, fresh: String) -> (u32, String) {
        let same =
            |known: &&mut Nonce| known.nonce == challenge.nonce && known.realm == challenge.realm;
        if let Some(known) = self.nonces.iter_mut().find(same) {
            known.uses = known.uses.saturating_add(1);
            let session = Strength::of(challenge).algorithm.is_session();
            let cnonce = if session { known.cnonce.clone() } else { fresh };
            return (known.uses, cnonce);
        }
        if self.nonces.len() == MAX_REMEMBERED {
            self.nonces.pop_front();
        }
        self.nonces.push_back(Nonce {
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uses: 1,
            cnonce: fresh.clone(),
        });
        (1, fresh)
    }
}

/// When a challenge came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// To a request outside every dialog, before any 101-199: whoever has the request may ask, and is learned.
    Outside,
    /// To a request inside a dialog, before any 101-199.
    InDialog,
    /// After a 101-199 in the same transaction.
    AfterProgress {
        /// The setting `sip_auth_after_progress`: a 407 of a learned realm is answered all the same.
        allowed: bool,
    },
}

impl When {
    /// Of a transaction inside a dialog.
    pub(crate) fn in_dialog(progress: bool, allowed: bool) -> Self {
        if progress {
            Self::AfterProgress { allowed }
        } else {
            Self::InDialog
        }
    }

    /// Of a transaction outside every dialog: `progress` says whether a 101-199 has come in it.
    pub(crate) fn outside(progress: bool, allowed: bool) -> Self {
        if progress {
            Self::AfterProgress { allowed }
        } else {
            Self::Outside
        }
    }
}

/// The challenges that one conversation answers: a request, and its repetitions with credentials.
///
/// Each request begins with an `Auth` of its own. It may be a clone of an earlier one of the same registration or dialog,
/// after [`Auth::begin`]: then it carries credentials from the start, with the next count of each nonce.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Auth {
    answers: Vec<Answer>,
    rounds: u8,
}

#[derive(Clone, Debug, PartialEq)]
struct Answer {
    challenge: Challenge,
    /// The challenge came in this conversation, so that the password is wrong if its answer is refused. An older nonce
    /// may just have aged.
    fresh: bool,
}

/// Why a challenge is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It did not come from where the password may go.
    NotOurs,
    /// Someone may have been reached before it came.
    AfterProgress,
    /// Inside a dialog, for a realm that the next hop never asked for.
    UnknownRealm(String),
    /// The realm has asked for more before.
    Weaker { before: String, now: String },
    /// The answer was refused.
    WrongPassword,
    /// It is no digest challenge, or none of a known algorithm and qop.
    Unsupported,
    /// There is challenge after challenge.
    TooOften,
}

impl Refusal {
    /// What a person is told. `server` names the next hop, `method` the request that was challenged with `status`.
    pub(crate) fn sentence(&self, login: &str, server: &str, method: &str, status: u16) -> String {
        match self {
            Refusal::NotOurs => {
                format!(
                    "{server} asked for a password that is meant for another server; it was not given ({status})."
                )
            }
            Refusal::AfterProgress => {
                format!(
                    "The password of {login} was asked for after the call had made progress, perhaps by the called party; it was not given ({status}). If {server} always asks so late, set sip_auth_after_progress."
                )
            }
            Refusal::UnknownRealm(realm) => {
                format!(
                    "The password of {login} was asked for inside the call, for the realm {realm:?} that {server} has not asked for before; it was not given ({status})."
                )
            }
            Refusal::Weaker { before, now } => {
                format!(
                    "{server} asked for the password of {login} with less protection than before ({now} after {before}); it was not given ({status})."
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
    /// A new conversation begins with what the last one answered.
    pub(crate) fn begin(&mut self) {
        self.rounds = 0;
        for answer in &mut self.answers {
            answer.fresh = false;
        }
    }

    /// Takes the challenges of a 401 or 407. Ok: the same request may be sent again, authorized. A refused challenge
    /// changes nothing.
    pub(crate) fn challenged(
        &mut self,
        response: &Response,
        when: When,
        realms: &mut Realms,
    ) -> Result<(), Refusal> {
        let mut all = response.headers.challenges();
        all.retain(|challenge| challenge.proxy == (response.status == 407));
        let chosen = digest::strongest(&all);
        if chosen.is_empty() {
            return Err(Refusal::Unsupported);
        }
        let unknown = chosen.iter().find(|c| !realms.knows(&c.realm));
        match (when, unknown) {
            (When::AfterProgress { allowed }, unknown)
                if !allowed || response.status != 407 || unknown.is_some() =>
            {
                return Err(Refusal::AfterProgress);
            }
            (When::InDialog, Some(unknown)) => {
                return Err(Refusal::UnknownRealm(unknown.realm.clone()));
            }
            _ => {}
        }
        for challenge in &chosen {
            if let Some(before) = realms.learned.get(&challenge.realm)
                && !realms.permits(challenge)
            {
                return Err(Refusal::Weaker {
                    before: before.to_string(),
                    now: Strength::of(challenge).to_string(),
                });
            }
            if self.is_answered(challenge, when) {
                return Err(Refusal::WrongPassword);
            }
        }
        if self.rounds == MAX_ROUNDS {
            return Err(Refusal::TooOften);
        }
        self.rounds += 1;
        for challenge in chosen {
            realms.learn(challenge);
            let answer = Answer {
                challenge: challenge.clone(),
                fresh: true,
            };
            match self.answers.iter_mut().find(|a| a.is_for(challenge)) {
                Some(known) => *known = answer,
                None => self.answers.push(answer),
            }
        }
        Ok(())
    }

    /// Whether the refused request had the answer to this challenge already. RFC 7616 section 3.3: `stale=true` says that
    /// the password was right and only the nonce too old.
    fn is_answered(&self, challenge: &Challenge, when: When) -> bool {
        let answer = self.answers.iter().find(|a| a.is_for(challenge));
        answer.is_some_and(|answer| {
            let same = answer.challenge.nonce == challenge.nonce;
            if answer.fresh {
                same || !challenge.stale
            } else {
                same && when == When::InDialog
            }
        })
    }

    /// Writes Authorization and Proxy-Authorization for every challenge of this conversation.
    pub(crate) fn authorize(
        &self,
        request: &mut Request,
        account: &Account,
        realms: &mut Realms,
        rng: &mut ChaCha20Rng,
    ) {
        request.headers.remove(&HeaderName::Authorization);
        request.headers.remove(&HeaderName::ProxyAuthorization);
        for Answer { challenge, .. } in &self.answers {
            let (nc, cnonce) = realms.count(challenge, format!("{:016x}", rng.next_u64()));
            let value = credentials_for(challenge, request, account, &cnonce, nc);
            request.headers.push(header_for(challenge), value);
        }
    }

    /// How many bytes [`Auth::authorize`] adds to a request.
    pub(crate) fn bytes(&self, request: &Request, account: &Account) -> usize {
        let line = |answer: &Answer| {
            let challenge = &answer.challenge;
            let value = credentials_for(challenge, request, account, "0123456789abcdef", 1);
            header_for(challenge).as_str().len() + value.len() + ": \r\n".len()
        };
        self.answers.iter().map(line).sum()
    }
}

impl Answer {
    /// True if the challenge comes from the same place: a proxy and a server may share a realm.
    fn is_for(&self, challenge: &Challenge) -> bool {
        self.challenge.realm == challenge.realm && self.challenge.proxy == challenge.proxy
    }
}

fn header_for(challenge: &Challenge) -> HeaderName {
    if challenge.proxy {
        HeaderName::ProxyAuthorization
    } else {
        HeaderName::Authorization
    }
}

fn credentials_for(
    challenge: &Challenge,
    request: &Request,
    account: &Account,
    cnonce: &str,
    nc: u32,
) -> String {
    let credentials = digest::Credentials {
        username: &account.auth_user,
        password: &account.password,
    };
    let uri = request.uri.to_string();
    digest::respond(
        challenge,
        credentials,
        &request.method,
        &uri,
        &request.body,
        cnonce,
        nc,
    )
}

#[cfg(test)]
mod tests;
