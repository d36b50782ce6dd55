//! The vectors of the RFCs, and the texts people use as names.
use super::*;

fn answer(
    challenge: &Challenge,
    name: &str,
    password: &SecretString,
    method: &Method,
    uri: &str,
    cnonce: &str,
) -> Authorization {
    let credentials = Credentials {
        username: name,
        password,
    };
    let sent = respond(challenge, credentials, method, uri, b"", cnonce, 1);
    Authorization::parse(&sent).unwrap().unwrap()
}

fn get() -> Method {
    Method::parse("GET").unwrap()
}

/// RFC 2617 §3.5.
#[test]
fn rfc2617_md5() {
    let challenge = &Challenge::parse_list(
        r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        false,
    )
    .unwrap()[0];
    let password = SecretString::from("Circle Of Life");
    let answer = answer(
        challenge,
        "Mufasa",
        &password,
        &get(),
        "/dir/index.html",
        "0a4f113b",
    );
    assert_eq!(answer.response, "6629fae49393a05397450978507c4ef1");
    assert_eq!(
        answer.to_string(),
        r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001"#
    );
}

const RFC7616: &str = r#"realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

/// RFC 7616 §3.9.1.
#[test]
fn rfc7616_md5_and_sha_256() {
    let password = SecretString::from("Circle of Life");
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let text = format!("Digest {RFC7616}, algorithm={algorithm}");
        let challenge = &Challenge::parse_list(&text, false).unwrap()[0];
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = answer(
            challenge,
            "Mufasa",
            &password,
            &get(),
            "/dir/index.html",
            cnonce,
        );
        assert_eq!(answer.response, response);
        assert!(check(&answer, "Mufasa", &password, &get(), b""));
    }
}

/// RFC 7616 §3.9.2, with the hash of the name; response as corrected by erratum 4897.
#[test]
fn rfc7616_sha_512_256_with_userhash() {
    let challenge = &Challenge::parse_list(
        r#"Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true"#,
        false,
    )
    .unwrap()[0];
    let password = SecretString::from("Secret, or not?");
    let method = get();
    let answer = answer(
        challenge,
        "J\u{e4}s\u{f8}n Doe",
        &password,
        &method,
        "/doe.json",
        "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
    );
    assert_eq!(
        answer.username,
        "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    );
    assert_eq!(
        answer.response,
        "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    );
    assert!(check(
        &answer,
        "J\u{e4}s\u{f8}n Doe",
        &password,
        &method,
        b""
    ));
}

#[test]
fn every_variant_is_checked_by_the_other_end() {
    let password = SecretString::from("p:a\"ss");
    let method = Method::Register;
    for algorithm in [
        "MD5",
        "MD5-sess",
        "SHA-256",
        "SHA-256-sess",
        "SHA-512-256",
        "SHA-512-256-sess",
    ] {
        for qop in ["", "qop=\"auth\",", "qop=\"auth-int\",", "userhash=true,"] {
            let text = format!("Digest realm=\"r\", {qop} nonce=\"n\", algorithm={algorithm}");
            let challenge = &Challenge::parse_list(&text, false).unwrap()[0];
            let credentials = Credentials {
                username: "10005",
                password: &password,
            };
            let sent = respond(
                challenge,
                credentials,
                &method,
                "sip:example.com",
                b"v=0",
                "c",
                7,
            );
            let answer = Authorization::parse(&sent).unwrap().unwrap();
            assert!(
                check(&answer, "10005", &password, &method, b"v=0"),
                "{text}"
            );
            assert!(
                !check(&answer, "10005", &SecretString::from("x"), &method, b"v=0"),
                "{text}"
            );
            assert!(
                !check(&answer, "10006", &password, &method, b"v=0"),
                "{text}"
            );
            assert!(
                !check(&answer, "10005", &password, &Method::Invite, b"v=0"),
                "{text}"
            );
            assert_eq!(
                check(&answer, "10005", &password, &method, b"x"),
                !qop.contains("auth-int"),
                "{text}"
            );
            assert_eq!(
                answer.cnonce.is_some(),
                qop.contains("auth") || algorithm.ends_with("sess")
            );
        }
    }
}

/// Without qop neither cnonce nor nc may be sent (RFC 2617 §3.2.2). The two inner hashes are those of §3.5.
#[test]
fn without_qop() {
    let challenge =
        &Challenge::parse_list(r#"Digest realm="testrealm@host.com", nonce="n""#, false).unwrap()
            [0];
    let password = SecretString::from("Circle Of Life");
    let answer = answer(
        challenge,
        "Mufasa",
        &password,
        &get(),
        "/dir/index.html",
        "0a4f113b",
    );
    let (ha1, ha2) = (
        "939e7578ed9e3c518a452acee763bce9",
        "39aff3a2bab6126f332b942af96d3366",
    );
    assert_eq!(
        answer.response,
        Algorithm::Md5.hash(format!("{ha1}:n:{ha2}").as_bytes())
    );
    assert!(!answer.to_string().contains("nc=") && !answer.to_string().contains("cnonce"));
}

/// K1: the name is hashed as it is and escaped on the wire.
#[test]
fn names_with_quotes_at_signs_and_spaces() {
    let challenge = Challenge::new("r", "n", Algorithm::Sha256);
    let password = SecretString::from("x");
    for name in [
        "trunk@example.com",
        "Ralf C",
        "a\"b",
        "a\\b",
        "a\\\"",
        "Иван",
        "a<b>;c=d,e",
    ] {
        let answer = answer(&challenge, name, &password, &Method::Invite, "sip:a@b", "c");
        assert_eq!(answer.username, name);
        assert!(
            check(&answer, name, &password, &Method::Invite, b""),
            "{name}"
        );
    }
    // Control characters cannot travel: hash and header agree on the name without them.
    let answer = answer(
        &challenge,
        "a\r\nVia: x",
        &password,
        &Method::Invite,
        "sip:a@b",
        "c",
    );
    assert_eq!(answer.username, "aVia: x");
    assert!(check(&answer, "aVia: x", &password, &Method::Invite, b""));
}

#[test]
fn the_strongest_of_each_realm() {
    let parse = |text: &str, proxy| Challenge::parse_list(text, proxy).unwrap().remove(0);
    let challenges = [
        parse(
            "Digest realm=\"a\", nonce=\"1\", algorithm=MD5, qop=\"auth\"",
            false,
        ),
        parse(
            "Digest realm=\"a\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"",
            false,
        ),
        parse(
            "Digest realm=\"a\", nonce=\"3\", algorithm=TIGER, qop=\"auth\"",
            false,
        ),
        parse("Digest realm=\"a\", nonce=\"4\", qop=\"auth\"", true),
        parse("Digest realm=\"b\", nonce=\"5\"", false),
        parse("Digest realm=\"c\", nonce=\"6\", qop=\"new\"", false),
    ];
    let chosen: Vec<&str> = strongest(&challenges)
        .iter()
        .map(|challenge| challenge.nonce.as_str())
        .collect();
    assert_eq!(chosen, ["2", "4", "5"]);
}

#[test]
fn an_answer_without_its_parts_is_wrong() {
    let challenge = Challenge::new("r", "n", Algorithm::Md5);
    let password = SecretString::from("x");
    let good = answer(&challenge, "u", &password, &Method::Invite, "sip:a@b", "c");
    let verdict = |answer: &Authorization| check(answer, "u", &password, &Method::Invite, b"");
    assert!(verdict(&good));
    assert!(!verdict(&Authorization {
        cnonce: None,
        ..good.clone()
    }));
    assert!(!verdict(&Authorization {
        nc: None,
        ..good.clone()
    }));
    assert!(!verdict(&Authorization {
        nc: Some(2),
        ..good.clone()
    }));
    assert!(!verdict(&Authorization {
        qop: Some("x".into()),
        ..good.clone()
    }));
    assert!(!verdict(&Authorization {
        response: String::new(),
        ..good.clone()
    }));
    assert!(!verdict(&Authorization {
        algorithm: Some(Algorithm::Other("x".into())),
        ..good
    }));
}

/// What hashes right is still wrong under another name, or with less than the RFC asks for.
#[test]
fn a_right_hash_is_not_enough() {
    let challenge = Challenge::new("r", "n", Algorithm::Md5);
    let password = SecretString::from("x");
    let good = answer(&challenge, "u", &password, &Method::Invite, "sip:a@b", "c");
    let verdict = |answer: Authorization| {
        let response = response(&answer, "u", &password, &Method::Invite, b"");
        check(
            &Authorization { response, ..answer },
            "u",
            &password,
            &Method::Invite,
            b"",
        )
    };
    assert!(verdict(good.clone()));
    assert!(!verdict(Authorization {
        username: "v".into(),
        ..good.clone()
    }));
    assert!(!verdict(Authorization {
        cnonce: None,
        ..good.clone()
    }));
    assert!(!verdict(Authorization {
        nc: None,
        ..good.clone()
    }));
    assert!(!verdict(Authorization {
        qop: Some("x".into()),
        ..good
    }));
}

/// The `-sess` variants and `auth-int` with the texts of RFC 7616 §3.9.1; values computed with Python's hashlib.
#[test]
fn session_variants_and_body() {
    let password = SecretString::from("Circle of Life");
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    let challenge = |more: &str| {
        Challenge::parse_list(&format!("Digest {RFC7616}, {more}"), false)
            .unwrap()
            .remove(0)
    };
    for (algorithm, response) in [
        ("MD5-sess", "e783283f46242139c486a698fec7211d"),
        (
            "SHA-256-sess",
            "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
        ),
        (
            "SHA-512-256-sess",
            "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e",
        ),
    ] {
        let challenge = challenge(&format!("algorithm={algorithm}"));
        let answer = answer(
            &challenge,
            "Mufasa",
            &password,
            &get(),
            "/dir/index.html",
            cnonce,
        );
        assert_eq!(answer.response, response, "{algorithm}");
    }
    let mut challenge = challenge("algorithm=MD5");
    challenge.qop = vec!["auth-int".into()];
    let credentials = Credentials {
        username: "Mufasa",
        password: &password,
    };
    let sent = respond(
        &challenge,
        credentials,
        &get(),
        "/dir/index.html",
        b"hello",
        cnonce,
        1,
    );
    assert!(sent.contains("1707eaf5c6ed1a8f6ff2e49286b06bc2"), "{sent}");
}

#[test]
fn texts_compare_as_a_whole() {
    for (a, b, equal) in [
        ("", "", true),
        ("abc", "abc", true),
        ("abc", "abd", false),
        ("xbc", "abc", false),
        ("abc", "ab", false),
        ("", "a", false),
    ] {
        assert_eq!(same(a.as_bytes(), b.as_bytes()), equal, "{a} {b}");
    }
}

#[test]
fn strength_has_two_sides() {
    let strength = |algorithm, qop: &[&str]| {
        let mut challenge = Challenge::new("r", "n", algorithm);
        challenge.qop = qop.iter().map(|&qop| qop.to_owned()).collect();
        Strength::of(&challenge)
    };
    let plain = strength(Algorithm::Md5, &["auth"]);
    for (other, at_least) in [
        (strength(Algorithm::Md5, &["auth-int", "auth"]), true),
        (strength(Algorithm::Md5, &["auth-int"]), true),
        (strength(Algorithm::Sha256, &["auth"]), true),
        (strength(Algorithm::Md5, &[]), false),
        (strength(Algorithm::Sha256, &[]), false),
    ] {
        assert_eq!(other.is_at_least(&plain), at_least, "{other}");
    }
    assert_eq!(
        strength(Algorithm::Sha256, &[]).to_string(),
        "SHA-256 without qop"
    );
}
