//! Methods (RFC 3261 §7.1, and the RFCs that added one).
use std::fmt;

use crate::lex::is_token;

macro_rules! methods {
    ($($variant:ident $text:literal;)*) => {
        /// A request method. Names are case-sensitive and escapes in them are not decoded (RFC 4475 §3.1.1.5).
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Method {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A method this crate does not know.
            Other(String),
        }

        impl Method {
            /// Reads a token; `None` if it is none.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => is_token(text).then(|| Self::Other(text.to_owned())),
                }
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE";
    Ack "ACK";
    Bye "BYE";
    Cancel "CANCEL";
    Register "REGISTER";
    Options "OPTIONS";
    Info "INFO";
    Refer "REFER";
    Notify "NOTIFY";
    Subscribe "SUBSCRIBE";
    Message "MESSAGE";
    Update "UPDATE";
    Prack "PRACK";
    Publish "PUBLISH";
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_escapes_make_another_method() {
        assert_eq!(Method::parse("INVITE"), Some(Method::Invite));
        assert_eq!(
            Method::parse("invite"),
            Some(Method::Other("invite".into()))
        );
        assert_eq!(
            Method::parse("RE%47IST%45R"),
            Some(Method::Other("RE%47IST%45R".into()))
        );
        assert_eq!(Method::parse("IN VITE"), None);
        assert_eq!(Method::parse(""), None);
    }
}
