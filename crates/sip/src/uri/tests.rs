//! Tables of RFC 3261 §19.1.3 and §19.1.4, and what must be refused.
use super::*;

#[test]
fn prints_what_it_reads() {
    for text in [
        "sip:alice@atlanta.com",
        "sip:alice:secretword@atlanta.com;transport=tcp",
        "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sips:1212@gateway.com",
        "sip:alice@192.0.2.4",
        "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        "sip:alice;day=tuesday@atlanta.com",
        "sip:[2001:db8::10]:5070;lr",
        "sip:null-%00-null@example.com",
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        "sip:*21#@pbx",
        "tel:+7-495-123-45-67;phone-context=x",
        "isbn:2983792873",
        "soap.beep://192.0.2.103:3002",
        "sip:a@b;x=a==",
        "sip:p1;lr=on;ftag=",
    ] {
        let uri = Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(uri.to_string(), text);
    }
}

#[test]
fn the_user_may_look_like_parameters() {
    // RFC 4475 §3.1.1.9.
    let uri = Uri::parse("sip:user;par=u%40example.net@example.com").unwrap();
    assert_eq!(uri.user.as_deref(), Some("user;par=u%40example.net"));
    assert_eq!(uri.user_text(), "user;par=u@example.net");
    assert!(uri.params.is_empty());
    assert_eq!(Uri::parse("sip:%00@a").unwrap().user_text(), "\u{fffd}");
}

#[test]
fn refuses() {
    for bad in [
        "",
        "sip:",
        "alice",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b ",
        " sip:a@b",
        "sip:a%4@b",
        "sip:a%zz@b",
        "sip:a@b:0",
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:a@b;",
        "sip:a@b;;lr",
        "sip:2001:db8::10",
        "sip:a@b;=x",
        "sip:a@b;lr;LR",
        "sip:a@b;x=\"y\"",
        "sip:a@b?",
        "sip:a@b?x=<y>",
        "sip:<a@b>",
        "sip:a@b>",
        "sip:é@b",
        "sip:a@b\r\n",
        "sip:a@2130706433",
        "1sip:a@b",
        "tel:",
        "tel:+",
        "tel:x",
        "x:",
        "x:a b",
        "x:<",
        "sip:a\"@b",
        "sip:[::1@b",
    ] {
        assert!(Uri::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn says_where() {
    assert_eq!(Uri::parse("sip:al ice@b").unwrap_err().column, 7);
    assert_eq!(Uri::parse("sip:alice@b;x=\"").unwrap_err().column, 15);
}

/// RFC 3261 §19.1.4, the examples of the text.
#[test]
fn equivalence() {
    for (a, b) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;newparam=5",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ] {
        let (x, y) = (Uri::parse(a).unwrap(), Uri::parse(b).unwrap());
        assert!(x.equivalent(&y) && y.equivalent(&x), "{a} {b}");
    }
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:a%40b@c", "sip:a%41b@c"),
        ("sip:a@b", "sips:a@b"),
    ] {
        let (x, y) = (Uri::parse(a).unwrap(), Uri::parse(b).unwrap());
        assert!(!x.equivalent(&y) && !y.equivalent(&x), "{a} {b}");
    }
}

#[test]
fn debug_hides_the_password() {
    let uri = Uri::parse("sip:alice:secretword@atlanta.com").unwrap();
    assert_eq!(format!("{uri:?}"), "sip:alice:***@atlanta.com");
}

#[test]
fn built_uris() {
    let user = SipUser::parse("10005").unwrap();
    let mut uri = Uri::address_of_record(&user, "example.com:5070").unwrap();
    uri.params.set("x", "a b\r\n");
    assert_eq!(uri.to_string(), "sip:10005@example.com:5070;x=a%20b%0D%0A");
    assert!(Uri::domain("a b").is_err());
}
