//! Header field names and their compact forms (RFC 3261 §7.3.1, §7.3.3, §20; IANA SIP parameters).
use std::cmp::Ordering;
use std::fmt;

use crate::lex::is_token;

macro_rules! header_names {
    ($($variant:ident $text:literal $($compact:literal)?;)*) => {
        /// The name of a header field. Names compare without regard to case; `Other` keeps the case it came with.
        #[derive(Debug, Clone)]
        pub enum HeaderName {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// A name this crate has no use for.
            Other(String),
        }

        impl HeaderName {
            /// The name in its long form.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(name) => name,
                }
            }

            /// Reads a name, long or compact. `None` if the text is not a token.
            pub fn parse(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case($text) $(|| text.eq_ignore_ascii_case($compact))? {
                    return Some(Self::$variant);
                })*
                is_token(text).then(|| Self::Other(text.to_owned()))
            }
        }
    };
}

header_names! {
    Via "Via" "v";
    From "From" "f";
    To "To" "t";
    CallId "Call-ID" "i";
    CSeq "CSeq";
    Contact "Contact" "m";
    MaxForwards "Max-Forwards";
    Route "Route";
    RecordRoute "Record-Route";
    ContentType "Content-Type" "c";
    ContentLength "Content-Length" "l";
    ContentEncoding "Content-Encoding" "e";
    ContentDisposition "Content-Disposition";
    Expires "Expires";
    MinExpires "Min-Expires";
    WwwAuthenticate "WWW-Authenticate";
    ProxyAuthenticate "Proxy-Authenticate";
    Authorization "Authorization";
    ProxyAuthorization "Proxy-Authorization";
    AuthenticationInfo "Authentication-Info";
    Allow "Allow";
    AllowEvents "Allow-Events" "u";
    Supported "Supported" "k";
    Require "Require";
    ProxyRequire "Proxy-Require";
    Unsupported "Unsupported";
    Accept "Accept";
    AcceptEncoding "Accept-Encoding";
    AcceptLanguage "Accept-Language";
    UserAgent "User-Agent";
    Server "Server";
    Reason "Reason";
    RetryAfter "Retry-After";
    Warning "Warning";
    Date "Date";
    Subject "Subject" "s";
    Timestamp "Timestamp";
    Event "Event" "o";
    SubscriptionState "Subscription-State";
    ReferTo "Refer-To" "r";
    ReferredBy "Referred-By" "b";
    ReferSub "Refer-Sub";
    Replaces "Replaces";
    SessionExpires "Session-Expires" "x";
    MinSe "Min-SE";
    RSeq "RSeq";
    RAck "RAck";
    Path "Path";
    ServiceRoute "Service-Route";
    PAssertedIdentity "P-Asserted-Identity";
    PPreferredIdentity "P-Preferred-Identity";
    Privacy "Privacy";
    Diversion "Diversion";
    AlertInfo "Alert-Info";
    CallInfo "Call-Info";
    Organization "Organization";
    MimeVersion "MIME-Version";
    InfoPackage "Info-Package";
    RecvInfo "Recv-Info";
}

impl HeaderName {
    /// True where a value may hold a secret or what is computed from one; traces print `***` for it.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Authorization | Self::ProxyAuthorization)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for HeaderName {}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |b: u8| b.to_ascii_lowercase();
        self.as_str()
            .bytes()
            .map(lower)
            .cmp(other.as_str().bytes().map(lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_odd_case_are_the_same_name() {
        for (text, name) in [
            ("v", HeaderName::Via),
            ("MaX-fOrWaRdS", HeaderName::MaxForwards),
            ("I", HeaderName::CallId),
            ("l", HeaderName::ContentLength),
            ("call-id", HeaderName::CallId),
        ] {
            assert!(
                matches!(HeaderName::parse(text), Some(n) if std::mem::discriminant(&n) == std::mem::discriminant(&name))
            );
        }
    }

    #[test]
    fn unknown_names_keep_their_case_and_compare_without_it() {
        let name = HeaderName::parse("X-Request-Id").unwrap();
        assert_eq!(name.as_str(), "X-Request-Id");
        assert_eq!(name, HeaderName::Other("x-request-ID".into()));
        assert_eq!(HeaderName::Other("contact".into()), HeaderName::Contact);
    }

    #[test]
    fn an_escaped_name_is_another_name() {
        // RFC 4475 §3.1.1.5: C%6Fntact is not Contact.
        assert_ne!(HeaderName::parse("C%6Fntact").unwrap(), HeaderName::Contact);
        assert_eq!(HeaderName::parse("X Hdr"), None);
        assert_eq!(HeaderName::parse(""), None);
    }
}
