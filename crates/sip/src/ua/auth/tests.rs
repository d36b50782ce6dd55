//! The rule as a table: what has happened, what is asked, what follows.
use rand::SeedableRng;
use secrecy::SecretString;

use super::*;
use crate::digest::{Algorithm, Authorization};
use crate::message::{Headers, Method};
use crate::resolve::Target;
use crate::uri::{SipUser, Uri};

fn account() -> Account {
    Account {
        user: SipUser::parse("10005").unwrap(),
        domain: "example.com".into(),
        auth_user: "10005".into(),
        password: SecretString::from("demo"),
        next_hop: Target::parse("192.0.2.10").unwrap(),
        display: None,
    }
}

/// A challenge as the tests write it: `401 r n1`, then any of `stale`, `sha`, `sess`, `2069` (no qop).
fn response(text: &str) -> Response {
    let mut headers = Headers::new();
    let mut status = 0;
    for one in text.split('+') {
        let words: Vec<&str> = one.split_whitespace().collect();
        let [code, realm, nonce, flags @ ..] = words.as_slice() else {
            panic!("status, realm and nonce: {text}")
        };
        status = code.parse().unwrap();
        let algorithm = match flags {
            flags if flags.contains(&"sha") => Algorithm::Sha256,
            flags if flags.contains(&"sess") => Algorithm::Md5Sess,
            flags if flags.contains(&"totp") => Algorithm::Other("TOTP".into()),
            _ => Algorithm::Md5,
        };
        let mut challenge = Challenge::new(*realm, *nonce, algorithm);
        challenge.stale = flags.contains(&"stale");
        if flags.contains(&"2069") {
            challenge.qop.clear();
        }
        let name = if status == 407 {
            HeaderName::ProxyAuthenticate
        } else {
            HeaderName::WwwAuthenticate
        };
        headers.push(name, challenge);
    }
    Response {
        status,
        reason: String::new(),
        headers,
        body: Default::default(),
    }
}

/// Realms as learned from one conversation of challenges before progress.
fn learned(challenges: &[&str]) -> Realms {
    let mut realms = Realms::default();
    for challenge in challenges {
        Auth::default()
            .challenged(&response(challenge), When::Outside, &mut realms)
            .unwrap();
    }
    realms
}

/// The credentials of one more request.
fn authorized(auth: &Auth, realms: &mut Realms, seed: u64) -> Vec<Authorization> {
    let mut request = Request::new(Method::Invite, Uri::parse("sip:10006@example.com").unwrap());
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    auth.authorize(&mut request, &account(), realms, &mut rng);
    let password = SecretString::from("demo");
    let read = |header: &crate::message::Header| {
        let answer = Authorization::parse(header.value()).unwrap().unwrap();
        assert!(digest::check(
            &answer,
            "10005",
            &password,
            &Method::Invite,
            b""
        ));
        answer
    };
    request.headers.iter().map(read).collect()
}

const OK: Result<(), Refusal> = Ok(());
const LATE: When = When::AfterProgress { allowed: false };
const LATE_ALLOWED: When = When::AfterProgress { allowed: true };

/// Each row: realms learned before, then one conversation's challenges, each with what becomes of it.
#[test]
fn the_table() {
    use Refusal::{AfterProgress, TooOften, Unsupported, WrongPassword};
    use When::{InDialog, Outside};
    let unknown = |realm: &str| Err(Refusal::UnknownRealm(realm.to_owned()));
    let weaker = |before: &str, now: &str| {
        let (before, now) = (before.to_owned(), now.to_owned());
        Err(Refusal::Weaker { before, now })
    };
    type Step<'a> = (&'a str, When, Result<(), Refusal>);
    let rows: &[(&[&str], &[Step<'_>])] = &[
        // Several realms may ask, each once.
        (&[], &[("407 p n1", Outside, OK), ("401 w n1", Outside, OK)]),
        (&[], &[("407 r n1", Outside, OK), ("401 r n1", Outside, OK)]),
        (&[], &[("407 p n1+407 q n2", Outside, OK)]),
        (
            &[],
            &[
                ("401 r n1", Outside, OK),
                ("401 r n2", Outside, Err(WrongPassword)),
            ],
        ),
        (
            &[],
            &[
                ("407 p n1", Outside, OK),
                ("401 w n1", Outside, OK),
                ("407 p n2", Outside, Err(WrongPassword)),
            ],
        ),
        // Again only for a new nonce with stale=true.
        (
            &[],
            &[
                ("401 r n1", Outside, OK),
                ("401 r n2 stale", Outside, OK),
                ("401 r n3", Outside, Err(WrongPassword)),
            ],
        ),
        (
            &[],
            &[
                ("401 r n1", Outside, OK),
                ("401 r n1 stale", Outside, Err(WrongPassword)),
            ],
        ),
        (&[], &[("401 r n1 stale", Outside, OK)]),
        (
            &[],
            &[
                ("401 r n1", Outside, OK),
                ("401 r n2 stale", Outside, OK),
                ("401 r n3 stale", Outside, OK),
                ("401 r n4 stale", Outside, OK),
                ("401 r n5 stale", Outside, OK),
                ("401 r n6 stale", Outside, OK),
                ("401 r n7 stale", Outside, Err(TooOften)),
            ],
        ),
        // After a 101-199 nobody is answered, however well known the realm is.
        (&[], &[("401 r n1", LATE, Err(AfterProgress))]),
        (&["401 r n0"], &[("401 r n1", LATE, Err(AfterProgress))]),
        (&["401 r n0"], &[("407 r n1", LATE, Err(AfterProgress))]),
        (
            &[],
            &[
                ("407 r n1", Outside, OK),
                ("407 r n2 stale", LATE, Err(AfterProgress)),
            ],
        ),
        // With the setting a 407 of a learned realm is.
        (&["401 r n0"], &[("407 r n1", LATE_ALLOWED, OK)]),
        (
            &["401 r n0"],
            &[("401 r n1", LATE_ALLOWED, Err(AfterProgress))],
        ),
        (
            &["401 r n0"],
            &[("407 x n1", LATE_ALLOWED, Err(AfterProgress))],
        ),
        (
            &["401 r n0"],
            &[("407 r n1+407 x n2", LATE_ALLOWED, Err(AfterProgress))],
        ),
        (
            &["401 r n0"],
            &[
                ("407 r n1", LATE_ALLOWED, OK),
                ("407 r n2", LATE_ALLOWED, Err(WrongPassword)),
            ],
        ),
        // Inside a dialog only learned realms, once per nonce.
        (&[], &[("407 r n1", InDialog, unknown("r"))]),
        (&["401 r n0"], &[("407 r n1", InDialog, OK)]),
        (&["401 r n0"], &[("401 r n1", InDialog, OK)]),
        (
            &["401 r n0"],
            &[("407 r n1+407 x n2", InDialog, unknown("x"))],
        ),
        (
            &["401 r n0"],
            &[
                ("407 r n1", InDialog, OK),
                ("407 r n1 stale", InDialog, Err(WrongPassword)),
            ],
        ),
        (
            &["401 r n0"],
            &[("407 r n1", InDialog, OK), ("407 r n2 stale", InDialog, OK)],
        ),
        // A realm that was refused is not learned by asking.
        (
            &[],
            &[
                ("407 r n1", InDialog, unknown("r")),
                ("407 r n2", InDialog, unknown("r")),
            ],
        ),
        // Nothing is answered with less than before.
        (
            &["401 r n0 sha"],
            &[(
                "401 r n1",
                Outside,
                weaker("SHA-256 with qop=auth", "MD5 with qop=auth"),
            )],
        ),
        (
            &["401 r n0"],
            &[(
                "407 r n1 2069",
                InDialog,
                weaker("MD5 with qop=auth", "MD5 without qop"),
            )],
        ),
        // More of one thing does not make up for less of the other.
        (
            &["401 r n0"],
            &[(
                "401 r n1 sha 2069",
                Outside,
                weaker("MD5 with qop=auth", "SHA-256 without qop"),
            )],
        ),
        (
            &["401 r n0 2069"],
            &[
                ("401 r n1 2069", Outside, OK),
                ("401 r n2 2069", Outside, Err(WrongPassword)),
            ],
        ),
        (
            &["401 r n0 2069"],
            &[
                ("401 r n1", Outside, OK),
                (
                    "401 r n2 2069 stale",
                    Outside,
                    weaker("MD5 with qop=auth", "MD5 without qop"),
                ),
            ],
        ),
        // The strongest of several counts, not the first.
        (&["401 r n0 sha"], &[("401 r n1+401 r n2 sha", Outside, OK)]),
        // What cannot be answered.
        (&[], &[("401 r n1 totp", Outside, Err(Unsupported))]),
    ];
    for (before, steps) in rows {
        let (mut realms, mut auth) = (learned(before), Auth::default());
        for (challenge, when, expected) in *steps {
            let (realms_before, auth_before) = (realms.clone(), auth.clone());
            let verdict = auth.challenged(&response(challenge), *when, &mut realms);
            assert_eq!(verdict, *expected, "{before:?} {steps:?}: {challenge}");
            if verdict.is_err() {
                assert_eq!(
                    (&realms, &auth),
                    (&realms_before, &auth_before),
                    "{challenge}"
                );
            }
        }
    }
}

/// A challenge in the header of the other status is none: a 401 is answered by what WWW-Authenticate asks.
#[test]
fn the_status_names_the_header() {
    let mut response = response("407 r n1");
    response.status = 401;
    let verdict = Auth::default().challenged(&response, When::Outside, &mut Realms::default());
    assert_eq!(verdict, Err(Refusal::Unsupported));
}

#[test]
fn known_nonces_are_used_with_the_next_count() {
    let (mut realms, mut auth) = (Realms::default(), Auth::default());
    auth.challenged(&response("407 p n1"), When::Outside, &mut realms)
        .unwrap();
    let [first] = &authorized(&auth, &mut realms, 1)[..] else {
        panic!("one answer")
    };
    assert_eq!((first.nonce.as_str(), first.nc), ("n1", Some(1)));
    auth.challenged(&response("401 w n2"), When::Outside, &mut realms)
        .unwrap();
    let answers = authorized(&auth, &mut realms, 2);
    let counts: Vec<_> = answers.iter().map(|a| (a.nonce.as_str(), a.nc)).collect();
    assert_eq!(counts, [("n1", Some(2)), ("n2", Some(1))]);
    // The next conversation of a registration begins with them.
    auth.begin();
    let answers = authorized(&auth, &mut realms, 3);
    let counts: Vec<_> = answers.iter().map(|a| a.nc).collect();
    assert_eq!(counts, [Some(3), Some(2)]);
    // And a request in the dialog that is challenged with the same nonce goes on counting.
    let mut in_dialog = Auth::default();
    in_dialog
        .challenged(&response("407 p n1"), When::InDialog, &mut realms)
        .unwrap();
    assert_eq!(authorized(&in_dialog, &mut realms, 4)[0].nc, Some(4));
}

/// A nonce from an earlier conversation may have aged, and many servers do not say `stale`.
#[test]
fn an_older_nonce_says_nothing_about_the_password() {
    let (mut realms, mut auth) = (Realms::default(), Auth::default());
    for (challenge, expected) in [
        ("401 r n1", OK),
        ("begin", OK),
        ("401 r n2", OK),
        ("401 r n3", Err(Refusal::WrongPassword)),
        ("begin", OK),
        ("401 r n2", OK),
        ("401 r n2", Err(Refusal::WrongPassword)),
    ] {
        if challenge == "begin" {
            auth.begin();
            continue;
        }
        let verdict = auth.challenged(&response(challenge), When::Outside, &mut realms);
        assert_eq!(verdict, expected, "{challenge}");
    }
    // Inside a dialog each nonce is answered once.
    auth.begin();
    let verdict = auth.challenged(&response("407 p n1"), When::Outside, &mut realms);
    assert_eq!(verdict, OK);
    for (challenge, expected) in [("407 p n1", Err(Refusal::WrongPassword)), ("407 p n2", OK)] {
        let mut auth = auth.clone();
        auth.begin();
        let verdict = auth.challenged(&response(challenge), When::InDialog, &mut realms);
        assert_eq!(verdict, expected, "{challenge}");
    }
}

/// RFC 2617 §3.2.2.2: the A1 of a `-sess` algorithm is made once for a nonce, with the first client nonce.
#[test]
fn a_session_keeps_its_client_nonce_while_the_nonce_lives() {
    let (mut realms, mut auth) = (Realms::default(), Auth::default());
    let cnonce = |auth: &Auth, realms: &mut Realms, seed| {
        let answer = authorized(auth, realms, seed).remove(0);
        (answer.cnonce.unwrap(), answer.nc)
    };
    auth.challenged(&response("401 r n1 sess"), When::Outside, &mut realms)
        .unwrap();
    let (first, _) = cnonce(&auth, &mut realms, 1);
    assert_eq!(cnonce(&auth, &mut realms, 2), (first.clone(), Some(2)));
    auth.begin();
    assert_eq!(cnonce(&auth, &mut realms, 3), (first.clone(), Some(3)));
    auth.challenged(&response("401 r n2 sess stale"), When::Outside, &mut realms)
        .unwrap();
    assert_ne!(cnonce(&auth, &mut realms, 4).0, first);
    // Without a session each request has a client nonce of its own.
    let mut auth = Auth::default();
    auth.challenged(&response("401 q n1"), When::Outside, &mut realms)
        .unwrap();
    let first = cnonce(&auth, &mut realms, 5).0;
    assert_ne!(cnonce(&auth, &mut realms, 6).0, first);
}

#[test]
fn credentials_go_to_the_accounts_own_next_hop_alone() {
    let hop = |addr: &str| Hop {
        transport: crate::resolve::Transport::Udp,
        addr: addr.parse().unwrap(),
        verified_name: None,
    };
    let (own, other) = (hop("192.0.2.10:5060"), hop("198.51.100.66:5060"));
    let mut credentials = Credentials::new(account(), vec![own.clone()]);
    let mut auth = Auth::default();
    let challenge = response("401 r n1");
    let verdict = credentials.challenged(&mut auth, &challenge, &other, When::Outside);
    assert_eq!(verdict, Err(Refusal::NotOurs));
    credentials
        .challenged(&mut auth, &challenge, &own, When::Outside)
        .unwrap();
    let mut request = Request::new(Method::Bye, Uri::parse("sip:a@b").unwrap());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    credentials.authorize(&auth, &mut request, &other, &mut rng);
    assert!(request.headers.is_empty());
    credentials.authorize(&auth, &mut request, &own, &mut rng);
    assert!(request.headers.has(&HeaderName::Authorization));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut realms = Realms::default();
    for n in 0..1000 {
        let mut auth = Auth::default();
        let challenge = response(&format!("401 r{n} n{n}"));
        auth.challenged(&challenge, When::Outside, &mut realms)
            .unwrap();
        authorized(&auth, &mut realms, n);
    }
    assert_eq!(realms.learned.len(), MAX_REMEMBERED);
    assert_eq!(realms.nonces.len(), MAX_REMEMBERED);
}

#[test]
fn the_bytes_are_those_that_are_added() {
    let (mut realms, mut auth) = (Realms::default(), Auth::default());
    auth.challenged(&response("407 p n1 sha"), When::Outside, &mut realms)
        .unwrap();
    auth.challenged(&response("401 w n2"), When::Outside, &mut realms)
        .unwrap();
    let mut request = Request::new(Method::Invite, Uri::parse("sip:10006@example.com").unwrap());
    let bytes = auth.bytes(&request, &account());
    let before = request.to_bytes().len();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    auth.authorize(&mut request, &account(), &mut realms, &mut rng);
    assert_eq!(request.to_bytes().len(), before + bytes);
}

#[test]
fn each_refusal_has_a_sentence() {
    let weaker = Refusal::Weaker {
        before: "SHA-256 with qop=auth".into(),
        now: "MD5 without qop".into(),
    };
    for (refusal, words) in [
        (Refusal::NotOurs, "meant for another server"),
        (Refusal::AfterProgress, "set sip_auth_after_progress"),
        (
            Refusal::UnknownRealm("x\n".into()),
            "for the realm \"x\\n\" that",
        ),
        (weaker, "(MD5 without qop after SHA-256 with qop=auth)"),
        (Refusal::WrongPassword, "Wrong SIP login or password"),
        (Refusal::Unsupported, "does not have"),
        (Refusal::TooOften, "keeps asking"),
    ] {
        let text = refusal.sentence("10005", "pbx.example.com", "INVITE", 407);
        assert!(text.contains(words) && text.contains("407"), "{text}");
        assert!(text.ends_with('.'), "{text}");
    }
}
