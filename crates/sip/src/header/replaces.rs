//! Replaces (RFC 3891 §6.1): `98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff`.
use super::Params;
use crate::Error;
use crate::lex::Scanner;

/// Names the dialog that the new INVITE is to take the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Call-ID of that dialog.
    pub call_id: String,
    /// The tag of the side that receives this header.
    pub to_tag: String,
    /// The tag of the other side.
    pub from_tag: String,
    /// True: the dialog is replaced only while it is early.
    pub early_only: bool,
}

impl Replaces {
    /// Reads a header value. Other parameters are dropped; both tags are mandatory and stand once.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        scanner.skip_space();
        let call_id = scanner.take_while(|b| b.is_ascii_graphic() && !b";,".contains(&b));
        if call_id.is_empty() {
            return Err(scanner.fail("a Call-ID is expected"));
        }
        let mut params = Params::scan(&mut scanner)?;
        scanner.finish("unexpected text after the dialog")?;
        let mut tag = |name| {
            params
                .remove(name)
                .filter(|tag| !tag.is_empty())
                .ok_or_else(|| Error::malformed("to-tag and from-tag are expected", 1))
        };
        Ok(Self {
            call_id: call_id.to_owned(),
            to_tag: tag("to-tag")?,
            from_tag: tag("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let text = "98732@sip.example.com ; from-tag=r33th4x0r;To-Tag=ff87ff;x";
        let replaces = Replaces::parse(text).unwrap();
        assert_eq!(replaces.call_id, "98732@sip.example.com");
        assert_eq!(replaces.to_tag, "ff87ff");
        assert_eq!(replaces.from_tag, "r33th4x0r");
        assert!(!replaces.early_only);
        let text = "12345%40149.112.118.3;to-tag=0;from-tag=0;early-only";
        assert!(Replaces::parse(text).unwrap().early_only);
    }

    #[test]
    fn refuses_missing_and_repeated_tags() {
        for bad in [
            "",
            "a",
            ";to-tag=1;from-tag=2",
            "a;to-tag=1",
            "a;from-tag=1",
            "a;to-tag;from-tag=2",
            "a;to-tag=1;to-tag=2;from-tag=3",
            "a b;to-tag=1;from-tag=2",
            "a;to-tag=1;from-tag=2,b;to-tag=1;from-tag=2",
        ] {
            assert!(Replaces::parse(bad).is_err(), "{bad}");
        }
    }
}
