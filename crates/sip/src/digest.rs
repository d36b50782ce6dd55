//! Digest authentication, both ends (RFC 2617, RFC 7616, RFC 8760; RFC 3261 §22.4).
//!
//! ```text
//! A1 = username:realm:password             -sess: H(username:realm:password):nonce:cnonce
//! A2 = method:uri                          auth-int: method:uri:H(body)
//! response = H( H(A1):nonce:nc:cnonce:qop:H(A2) )      without qop: H( H(A1):nonce:H(A2) )
//! ```
//! User name and realm are hashed as they are and escaped only on the wire.
use std::fmt;

use md5::Md5;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512_256};

use crate::Method;
pub use crate::header::{Authorization, Challenge};

/// A hash function, plain or bound to the session. Ordered from weak to strong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// A name this crate does not know; no answer is possible.
    Other(String),
    /// `MD5`
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
    /// `SHA-512-256`
    Sha512_256,
    /// `SHA-512-256-sess`
    Sha512_256Sess,
}

/// Who answers a challenge.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Any text but control characters: quotes, backslashes, `@` and spaces are escaped on the wire (K1).
    pub username: &'a str,
    /// The password.
    pub password: &'a SecretString,
}

/// Of each realm (proxies and servers apart) the challenge to answer: the strongest whose algorithm and qop are
/// known. In the order received; empty if none can be answered.
pub fn strongest(challenges: &[Challenge]) -> Vec<&Challenge> {
    let mut chosen: Vec<&Challenge> = Vec::new();
    for challenge in challenges
        .iter()
        .filter(|challenge| is_supported(challenge))
    {
        match chosen
            .iter_mut()
            .find(|known| known.proxy == challenge.proxy && known.realm == challenge.realm)
        {
            Some(known) if Strength::of(challenge) > Strength::of(known) => *known = challenge,
            Some(_) => {}
            None => chosen.push(challenge),
        }
    }
    chosen
}

/// The value of Authorization (or Proxy-Authorization if `challenge.proxy`) that answers `challenge`.
///
/// `uri` is the Request-URI as printed, `body` matters for `auth-int` alone. `cnonce` is fresh random text; `nc`
/// counts the requests sent with this nonce, from 1.
pub fn respond(
    challenge: &Challenge,
    credentials: Credentials<'_>,
    method: &Method,
    uri: &str,
    body: &[u8],
    cnonce: &str,
    nc: u32,
) -> String {
    let algorithm = algorithm_of(challenge);
    let qop = chosen_qop(challenge);
    let Credentials { username, password } = credentials;
    let username = clean(username);
    let mut answer = Authorization {
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: uri.to_owned(),
        response: String::new(),
        algorithm: challenge.algorithm.clone(),
        opaque: challenge.opaque.clone(),
        cnonce: (qop.is_some() || algorithm.is_session()).then(|| cnonce.to_owned()),
        nc: qop.is_some().then_some(nc),
        qop: qop.map(|qop| qop.as_str().to_owned()),
        userhash: challenge.userhash,
        username: if challenge.userhash {
            algorithm.hash(format!("{username}:{}", challenge.realm).as_bytes())
        } else {
            username.clone()
        },
    };
    answer.response = response(&answer, &username, password, method, body);
    answer.to_string()
}

/// True if `answer` was made with `username` and `password` for this method and body. The caller checks that its nonce is
/// one of ours and fresh, that its `nc` grows, and that its URI is that of the request.
///
/// The response is compared in constant time. A `-sess` algorithm is checked with the client nonce of this very answer,
/// so a client that changes it while the nonce lives is refused.
pub fn check(
    answer: &Authorization,
    username: &str,
    password: &SecretString,
    method: &Method,
    body: &[u8],
) -> bool {
    let algorithm = answer.algorithm.clone().unwrap_or(Algorithm::Md5);
    let expected_name = if answer.userhash {
        algorithm.hash(format!("{username}:{}", answer.realm).as_bytes())
    } else {
        username.to_owned()
    };
    let complete = answer.qop.is_none() || (answer.cnonce.is_some() && answer.nc.is_some());
    let known = answer
        .qop
        .as_deref()
        .is_none_or(|qop| matches!(qop, "auth" | "auth-int"));
    if matches!(algorithm, Algorithm::Other(_))
        || !complete
        || !known
        || answer.username != expected_name
    {
        return false;
    }
    let expected = response(answer, username, password, method, body);
    same(expected.as_bytes(), answer.response.as_bytes())
}

impl Algorithm {
    /// Reads a name without regard to case.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "md5" => Self::Md5,
            "md5-sess" => Self::Md5Sess,
            "sha-256" => Self::Sha256,
            "sha-256-sess" => Self::Sha256Sess,
            "sha-512-256" => Self::Sha512_256,
            "sha-512-256-sess" => Self::Sha512_256Sess,
            _ => Self::Other(text.replace(|c| !is_token(c), "_")),
        }
    }

    /// True for the `-sess` algorithms, whose A1 is bound to the nonces of server and client.
    pub(crate) fn is_session(&self) -> bool {
        matches!(
            self,
            Self::Md5Sess | Self::Sha256Sess | Self::Sha512_256Sess
        )
    }

    /// The hash in lower case hexadecimal digits.
    fn hash(&self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess | Self::Other(_) => hex(&Md5::digest(bytes)),
            Self::Sha256 | Self::Sha256Sess => hex(&Sha256::digest(bytes)),
            Self::Sha512_256 | Self::Sha512_256Sess => hex(&Sha512_256::digest(bytes)),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Other(name) => name,
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
            Self::Sha512_256 => "SHA-512-256",
            Self::Sha512_256Sess => "SHA-512-256-sess",
        };
        f.write_str(name)
    }
}

/// How well the answer to a challenge protects: the algorithm first, then the quality of protection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Strength {
    /// The algorithm; MD5 where the challenge names none.
    pub algorithm: Algorithm,
    /// The quality of protection that an answer takes. `None` is RFC 2069: no count and no client nonce.
    pub qop: Option<Qop>,
}

/// Quality of protection (RFC 7616 §3.3). Ordered from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Qop {
    /// `auth`: method and URI are hashed.
    Auth,
    /// `auth-int`: the body, too.
    AuthInt,
}

impl Strength {
    /// How well the answer to this challenge protects.
    pub fn of(challenge: &Challenge) -> Self {
        Self {
            algorithm: algorithm_of(challenge),
            qop: chosen_qop(challenge),
        }
    }

    /// True if neither the algorithm nor the quality of protection is weaker than in `other`.
    pub fn is_at_least(&self, other: &Self) -> bool {
        self.algorithm >= other.algorithm && self.qop >= other.qop
    }
}

/// `MD5 without qop`, `SHA-256 with qop=auth`.
impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.qop {
            None => write!(f, "{} without qop", self.algorithm),
            Some(qop) => write!(f, "{} with qop={}", self.algorithm, qop.as_str()),
        }
    }
}

impl Qop {
    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

fn response(
    answer: &Authorization,
    username: &str,
    password: &SecretString,
    method: &Method,
    body: &[u8],
) -> String {
    let algorithm = answer.algorithm.clone().unwrap_or(Algorithm::Md5);
    let hash = |text: String| algorithm.hash(text.as_bytes());
    let Authorization {
        realm, nonce, uri, ..
    } = answer;
    let cnonce = answer.cnonce.as_deref().unwrap_or("");
    let mut a1 = hash(format!("{username}:{realm}:{}", password.expose_secret()));
    if algorithm.is_session() {
        a1 = hash(format!("{a1}:{nonce}:{cnonce}"));
    }
    let a2 = match answer.qop.as_deref() {
        Some("auth-int") => hash(format!("{method}:{uri}:{}", algorithm.hash(body))),
        _ => hash(format!("{method}:{uri}")),
    };
    match &answer.qop {
        Some(qop) => hash(format!(
            "{a1}:{nonce}:{:08x}:{cnonce}:{qop}:{a2}",
            answer.nc.unwrap_or(0)
        )),
        None => hash(format!("{a1}:{nonce}:{a2}")),
    }
}

fn algorithm_of(challenge: &Challenge) -> Algorithm {
    challenge.algorithm.clone().unwrap_or(Algorithm::Md5)
}

/// The qop to answer with: `auth` before `auth-int`; `None` where the server names none.
fn chosen_qop(challenge: &Challenge) -> Option<Qop> {
    [Qop::Auth, Qop::AuthInt].into_iter().find(|known| {
        challenge
            .qop
            .iter()
            .any(|offered| offered == known.as_str())
    })
}

fn is_supported(challenge: &Challenge) -> bool {
    let qop = challenge.qop.is_empty() || chosen_qop(challenge).is_some();
    qop && !matches!(algorithm_of(challenge), Algorithm::Other(_))
}

fn is_token(c: char) -> bool {
    u8::try_from(c).is_ok_and(crate::lex::is_token_byte)
}

/// What the wire can carry: hash and header must agree on the name.
fn clean(username: &str) -> String {
    username.chars().filter(|c| !c.is_ascii_control()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two passwords are equal, compared in constant time.
pub(crate) fn same_password(a: &SecretString, b: &SecretString) -> bool {
    let hash = |password: &SecretString| Sha256::digest(password.expose_secret().as_bytes());
    same(&hash(a), &hash(b))
}

/// Compares two texts in a time that depends on their lengths alone, so that it tells nobody how much of a guess is
/// right.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y));
    // Without the black box a compiler might stop at the first difference.
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests;
