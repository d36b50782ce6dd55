//! The header fields of a message in order, as text and as types.
use std::fmt;

use crate::error::ErrorKind;
use crate::header::{
    CSeq, Challenge, Contacts, ContentDisposition, ContentType, Event, FromTo, HeaderName, Methods,
    MinSe, OptionTags, RAck, RSeq, Reason, Replaces, RetryAfter, Route, SessionExpires,
    SubscriptionState, Timestamp, Via, Warning,
};
use crate::{Error, lex};

/// Header fields in the order received or added.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Header>);

/// One header field; its value is unfolded, trimmed and free of line ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    name: HeaderName,
    value: String,
}

impl Header {
    /// A header; each control character of `value` becomes a space, so that nothing breaks out of its line.
    pub fn new(name: HeaderName, value: impl fmt::Display) -> Self {
        let mut value = value.to_string();
        if value.contains(|c: char| c.is_ascii_control() && c != '\t') {
            value = value.replace(|c: char| c.is_ascii_control() && c != '\t', " ");
        }
        Self {
            name,
            value: value.trim_matches([' ', '\t']).to_owned(),
        }
    }

    /// The name.
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// Headers as text.
impl Headers {
    /// No header.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: HeaderName, value: impl fmt::Display) {
        self.0.push(Header::new(name, value));
    }

    /// Adds a header before all others.
    pub fn insert_first(&mut self, name: HeaderName, value: impl fmt::Display) {
        self.0.insert(0, Header::new(name, value));
    }

    /// Makes `value` the only one of its name, where the first stood or at the end.
    pub fn set(&mut self, name: HeaderName, value: impl fmt::Display) {
        let header = Header::new(name, value);
        match self.0.iter().position(|known| known.name == header.name) {
            Some(index) => {
                let mut seen = 0;
                self.0.retain(|known| {
                    seen += usize::from(known.name == header.name);
                    known.name != header.name || seen == 1
                });
                if let Some(first) = self.0.get_mut(index) {
                    *first = header;
                }
            }
            None => self.0.push(header),
        }
    }

    /// Takes all headers of this name out.
    pub fn remove(&mut self, name: &HeaderName) {
        self.0.retain(|known| known.name != *name);
    }

    /// Adds all headers of this name that `other` has, in order.
    pub fn copy(&mut self, name: &HeaderName, other: &Self) {
        self.0.extend(
            other
                .0
                .iter()
                .filter(|header| header.name == *name)
                .cloned(),
        );
    }

    /// The first value of this name.
    pub fn get(&self, name: &HeaderName) -> Option<&str> {
        self.0
            .iter()
            .find(|header| header.name == *name)
            .map(Header::value)
    }

    /// All values of this name, one per header line.
    pub fn get_all<'a, 'n>(
        &'a self,
        name: &'n HeaderName,
    ) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |header| header.name == *name)
            .map(Header::value)
    }

    /// True if a header of this name is there.
    pub fn has(&self, name: &HeaderName) -> bool {
        self.get(name).is_some()
    }

    /// All headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// Number of header lines.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, header: Header) {
        self.0.push(header);
    }
}

/// Headers as types. After [`parse`](super::parse) the first five cannot fail.
impl Headers {
    /// The topmost Via.
    pub fn via(&self) -> Result<Via, Error> {
        let name = HeaderName::Via;
        let list =
            Via::parse_list(self.need(&name)?).map_err(|error| error.in_header(name.clone()))?;
        list.into_iter()
            .next()
            .ok_or_else(|| Error::new(ErrorKind::Missing, 0).in_header(name))
    }

    /// From.
    pub fn from(&self) -> Result<FromTo, Error> {
        self.typed(HeaderName::From, FromTo::parse)
    }

    /// To.
    pub fn to(&self) -> Result<FromTo, Error> {
        self.typed(HeaderName::To, FromTo::parse)
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, Error> {
        self.need(&HeaderName::CallId)
    }

    /// CSeq.
    pub fn cseq(&self) -> Result<CSeq, Error> {
        self.typed(HeaderName::CSeq, CSeq::parse)
    }

    /// All Via values, the topmost first.
    pub fn vias(&self) -> Result<Vec<Via>, Error> {
        self.lists(HeaderName::Via, Via::parse_list)
    }

    /// Replaces the topmost Via, for `received` and `rport`; the others keep their place.
    pub fn set_top_via(&mut self, via: &Via) -> Result<(), Error> {
        let mut first = Via::parse_list(self.need(&HeaderName::Via)?)?;
        if let Some(top) = first.first_mut() {
            *top = via.clone();
        }
        let text: Vec<String> = first.iter().map(Via::to_string).collect();
        if let Some(header) = self
            .0
            .iter_mut()
            .find(|header| header.name == HeaderName::Via)
        {
            *header = Header::new(HeaderName::Via, text.join(", "));
        }
        Ok(())
    }

    /// All Contact values; an empty list if there are none.
    pub fn contacts(&self) -> Result<Contacts, Error> {
        let mut list = Vec::new();
        let mut lines = 0;
        for value in self.get_all(&HeaderName::Contact) {
            lines += 1;
            match Contacts::parse(value).map_err(|error| error.in_header(HeaderName::Contact))? {
                Contacts::Star if self.get_all(&HeaderName::Contact).count() == 1 => {
                    return Ok(Contacts::Star);
                }
                Contacts::Star => {
                    let error = Error::malformed("a star stands beside other contacts", lines);
                    return Err(error.in_header(HeaderName::Contact));
                }
                Contacts::List(more) => list.extend(more),
            }
            check_count(list.len(), &HeaderName::Contact)?;
        }
        Ok(Contacts::List(list))
    }

    /// All Route values in order.
    pub fn routes(&self) -> Result<Vec<Route>, Error> {
        self.lists(HeaderName::Route, Route::parse_list)
    }

    /// All Record-Route values in order.
    pub fn record_routes(&self) -> Result<Vec<Route>, Error> {
        self.lists(HeaderName::RecordRoute, Route::parse_list)
    }

    /// The digest challenges of WWW-Authenticate and Proxy-Authenticate; what cannot be read is left out.
    pub fn challenges(&self) -> Vec<Challenge> {
        let read = |name, proxy| {
            let lists = self.0.iter().filter(move |header| header.name == name);
            lists.flat_map(move |header| {
                Challenge::parse_list(&header.value, proxy).unwrap_or_default()
            })
        };
        read(HeaderName::WwwAuthenticate, false)
            .chain(read(HeaderName::ProxyAuthenticate, true))
            .collect()
    }

    /// Max-Forwards, if it is there and a number up to 255.
    pub fn max_forwards(&self) -> Option<u8> {
        self.number(&HeaderName::MaxForwards, u64::from(u8::MAX))
            .and_then(|n| u8::try_from(n).ok())
    }

    /// Expires in seconds, if it is there and a 32-bit number. In REGISTER and SUBSCRIBE it is the life asked for, in
    /// INVITE the time within which a final response is wanted (§20.19).
    pub fn expires(&self) -> Option<u32> {
        self.number(&HeaderName::Expires, u64::from(u32::MAX))
            .and_then(|n| u32::try_from(n).ok())
    }

    /// Min-Expires in seconds, if it is there and a 32-bit number.
    pub fn min_expires(&self) -> Option<u32> {
        self.number(&HeaderName::MinExpires, u64::from(u32::MAX))
            .and_then(|n| u32::try_from(n).ok())
    }

    /// Content-Length in bytes, if it is there and a number. Printing sets it anew.
    pub fn content_length(&self) -> Option<usize> {
        self.number(&HeaderName::ContentLength, u64::from(u32::MAX))
            .and_then(|n| usize::try_from(n).ok())
    }

    /// Content-Type, if it is there and can be read.
    pub fn content_type(&self) -> Option<ContentType> {
        self.optional(&HeaderName::ContentType, ContentType::parse)
    }

    /// Retry-After, if it is there and can be read.
    pub fn retry_after(&self) -> Option<RetryAfter> {
        self.optional(&HeaderName::RetryAfter, RetryAfter::parse)
    }

    /// All reasons (RFC 3326) that can be read.
    pub fn reasons(&self) -> Vec<Reason> {
        self.get_all(&HeaderName::Reason)
            .flat_map(|value| Reason::parse_list(value).unwrap_or_default())
            .collect()
    }

    /// The option tags of Require: a request whose tags are not all known is answered with 420.
    pub fn require(&self) -> OptionTags {
        self.option_tags(&HeaderName::Require)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> OptionTags {
        self.option_tags(&HeaderName::Supported)
    }

    /// The methods of Allow. `None` without Allow, which says nothing about what the sender takes (§20.5).
    pub fn allow(&self) -> Option<Methods> {
        let mut methods = Methods::default();
        for value in self.get_all(&HeaderName::Allow) {
            methods.extend(value);
        }
        self.has(&HeaderName::Allow).then_some(methods)
    }

    /// Content-Disposition, if it is there and can be read.
    pub fn content_disposition(&self) -> Option<ContentDisposition> {
        self.optional(&HeaderName::ContentDisposition, ContentDisposition::parse)
    }

    /// RSeq (RFC 3262). An error if it is missing or cannot be read.
    pub fn rseq(&self) -> Result<RSeq, Error> {
        self.typed(HeaderName::RSeq, RSeq::parse)
    }

    /// RAck (RFC 3262). An error if it is missing or cannot be read.
    pub fn rack(&self) -> Result<RAck, Error> {
        self.typed(HeaderName::RAck, RAck::parse)
    }

    /// Session-Expires (RFC 4028), if it is there and can be read.
    pub fn session_expires(&self) -> Option<SessionExpires> {
        self.optional(&HeaderName::SessionExpires, SessionExpires::parse)
    }

    /// Min-SE (RFC 4028), if it is there and can be read.
    pub fn min_se(&self) -> Option<MinSe> {
        self.optional(&HeaderName::MinSe, MinSe::parse)
    }

    /// Event (RFC 6665). An error if it is missing or cannot be read.
    pub fn event(&self) -> Result<Event, Error> {
        self.typed(HeaderName::Event, Event::parse)
    }

    /// Subscription-State (RFC 6665). An error if it is missing or cannot be read.
    pub fn subscription_state(&self) -> Result<SubscriptionState, Error> {
        self.typed(HeaderName::SubscriptionState, SubscriptionState::parse)
    }

    /// Replaces (RFC 3891): `Ok(None)` if it is missing, an error if it cannot be read.
    pub fn replaces(&self) -> Result<Option<Replaces>, Error> {
        match self.has(&HeaderName::Replaces) {
            true => self.typed(HeaderName::Replaces, Replaces::parse).map(Some),
            false => Ok(None),
        }
    }

    /// Timestamp, if it is there and can be read.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.optional(&HeaderName::Timestamp, Timestamp::parse)
    }

    /// All warnings that can be read.
    pub fn warnings(&self) -> Vec<Warning> {
        self.get_all(&HeaderName::Warning)
            .flat_map(|value| Warning::parse_list(value).unwrap_or_default())
            .collect()
    }

    fn option_tags(&self, name: &HeaderName) -> OptionTags {
        let mut tags = OptionTags::new();
        for value in self.get_all(name) {
            tags.extend(value);
        }
        tags
    }

    fn optional<T>(&self, name: &HeaderName, parse: fn(&str) -> Result<T, Error>) -> Option<T> {
        parse(self.get(name)?).ok()
    }

    fn number(&self, name: &HeaderName, max: u64) -> Option<u64> {
        lex::number(self.get(name)?, max).ok()
    }

    fn need(&self, name: &HeaderName) -> Result<&str, Error> {
        self.get(name)
            .ok_or_else(|| Error::new(ErrorKind::Missing, 0).in_header(name.clone()))
    }

    fn typed<T>(&self, name: HeaderName, parse: fn(&str) -> Result<T, Error>) -> Result<T, Error> {
        parse(self.need(&name)?).map_err(|error| error.in_header(name))
    }

    fn lists<T>(
        &self,
        name: HeaderName,
        parse: fn(&str) -> Result<Vec<T>, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        for value in self.get_all(&name) {
            all.extend(parse(value).map_err(|error| error.in_header(name.clone()))?);
            check_count(all.len(), &name)?;
        }
        Ok(all)
    }
}

fn check_count(count: usize, name: &HeaderName) -> Result<(), Error> {
    if count <= lex::MAX_VALUES {
        return Ok(());
    }
    Err(Error::malformed("there are too many values", 0).in_header(name.clone()))
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Credentials are masked.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.name.is_secret() {
            "***"
        } else {
            &self.value
        };
        write!(f, "{}: {value}", self.name)
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}
