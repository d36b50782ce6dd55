//! From which addresses a peer's media may come, as far as its SIP tells (symmetric RTP, RFC 4961).
//!
//! The SDP of a phone behind a NAT names an address of the inside. Its SIP tells more, the best first:
//!
//! 1. the host of its Contact, and what a proxy has noted there of the phone's real address (`received`, `alias`);
//! 2. `received` in the bottom Via of its requests: the source that the first server on the way saw;
//! 3. the source of its SIP, which is the phone or the server nearest to us.

use std::net::IpAddr;

use super::Ua;
use super::schedule::TransactionId;
use super::types::InviteId;
use crate::header::{Contact, Params, Via};
use crate::message::Headers;
use crate::resolve::Hop;
use crate::uri::{Host, Uri};

/// What the messages of one dialog have told.
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaSources {
    contact: Vec<IpAddr>,
    bottom_via: Option<IpAddr>,
}

impl MediaSources {
    /// Takes note of a request of the peer. The bottom Via of a request is the one of the peer itself.
    pub(crate) fn learn_from_request(&mut self, headers: &Headers) {
        self.learn_from_contact(headers);
        self.bottom_via = headers
            .vias()
            .ok()
            .and_then(|vias| vias.last().and_then(Via::received));
    }

    /// Takes note of an answer of the peer. All its Vias are ours and those of servers on our side.
    pub(crate) fn learn_from_response(&mut self, headers: &Headers) {
        self.learn_from_contact(headers);
    }

    /// A message without Contact changes nothing.
    fn learn_from_contact(&mut self, headers: &Headers) {
        if let Ok(contacts) = headers.contacts()
            && let Some(contact) = contacts.first()
        {
            self.contact = addresses_in(contact);
        }
    }

    /// The addresses, the best first, each once. The last is the source of the SIP itself, and it is always there.
    pub(crate) fn list(&self, from: &Hop) -> Vec<IpAddr> {
        let source = from.addr.ip().to_canonical();
        // Loopback is this machine, whoever says so. A peer from elsewhere does not mean it.
        let means_a_peer = |ip: &IpAddr| {
            let somewhere = !ip.is_unspecified() && !ip.is_multicast();
            somewhere && (!ip.is_loopback() || source.is_loopback())
        };
        let told = self.contact.iter().copied().chain(self.bottom_via);
        let mut list: Vec<IpAddr> = Vec::new();
        for ip in told.map(|ip| ip.to_canonical()).filter(means_a_peer) {
            if ip != source && !list.contains(&ip) {
                list.push(ip);
            }
        }
        list.push(source);
        list
    }
}

impl Ua {
    /// The addresses of a dialog's peer, from which this request of it came.
    pub(crate) fn media_sources(
        &mut self,
        id: InviteId,
        remote_tag: &str,
        transaction: TransactionId,
    ) -> Option<Vec<IpAddr>> {
        let from = self.servers.get(&transaction)?.hop.clone();
        Some(self.usage(id, remote_tag)?.sources.list(&from))
    }
}

fn addresses_in(contact: &Contact) -> Vec<IpAddr> {
    let host = match contact.uri.host {
        Host::Ip(ip) => Some(ip),
        Host::Name(_) => None,
    };
    // Proxies write them as parameters of the URI or of the header.
    let noted = [&contact.uri.params, &contact.params];
    let noted = noted.into_iter().flat_map(addresses_noted);
    host.into_iter().chain(noted).collect()
}

/// `received=192.0.2.1`, `received="sip:192.0.2.1:5060"` or `alias=192.0.2.1~5060~1`.
fn addresses_noted(params: &Params) -> impl Iterator<Item = IpAddr> {
    let plain = |text: &str| text.trim_matches(['[', ']']).parse().ok();
    let received = params.get("received").and_then(|text| {
        plain(text).or_else(|| match Uri::parse(text).ok()?.host {
            Host::Ip(ip) => Some(ip),
            Host::Name(_) => None,
        })
    });
    let alias = params.get("alias");
    let alias = alias.and_then(|text| plain(text.split('~').next()?));
    received.into_iter().chain(alias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HeaderName;
    use crate::resolve::Transport;

    /// The list of a peer whose message has these headers and came from this address.
    fn list(headers: &[(HeaderName, &str)], from: &str) -> Vec<String> {
        let mut all = Headers::new();
        for (name, value) in headers {
            all.push(name.clone(), value);
        }
        let mut sources = MediaSources::default();
        sources.learn_from_request(&all);
        let from = Hop {
            transport: Transport::Udp,
            addr: format!("{from}:5060").parse().unwrap(),
            verified_name: None,
        };
        let list = sources.list(&from);
        list.iter().map(IpAddr::to_string).collect()
    }

    fn of_contact(contact: &str) -> Vec<String> {
        list(&[(HeaderName::Contact, contact)], "198.51.100.9")
    }

    #[test]
    fn a_contact_names_its_host_and_what_proxies_noted() {
        let proxy = "198.51.100.9";
        for (contact, expected) in [
            ("<sip:a@10.0.0.5:5062>", vec!["10.0.0.5", proxy]),
            ("<sip:a@[2001:db8::5]>", vec!["2001:db8::5", proxy]),
            ("<sip:a@phone.example.com>", vec![proxy]),
            (
                "<sip:a@10.0.0.5;alias=203.0.113.7~61000~1>",
                vec!["10.0.0.5", "203.0.113.7", proxy],
            ),
            (
                "<sip:a@10.0.0.5>;received=\"sip:203.0.113.7:61000\"",
                vec!["10.0.0.5", "203.0.113.7", proxy],
            ),
            (
                "<sip:a@10.0.0.5;received=203.0.113.7;alias=203.0.113.8~61000~2>",
                vec!["10.0.0.5", "203.0.113.7", "203.0.113.8", proxy],
            ),
            ("<sip:a@10.0.0.5;alias=nonsense>", vec!["10.0.0.5", proxy]),
            ("<sip:a@198.51.100.9>", vec![proxy]),
            ("<sip:a@127.0.0.1>", vec![proxy]),
            ("<sip:a@0.0.0.0>", vec![proxy]),
            ("<sip:a@224.0.0.1>", vec![proxy]),
        ] {
            assert_eq!(of_contact(contact), expected, "{contact}");
        }
    }

    #[test]
    fn the_bottom_via_is_better_than_the_source_and_worse_than_the_contact() {
        let vias = "SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK2;received=198.51.100.9, \
                    SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bK1;received=203.0.113.7;rport=61000";
        let headers = [
            (HeaderName::Via, vias),
            (HeaderName::Contact, "<sip:a@10.0.0.5:5062>"),
        ];
        let expected = ["10.0.0.5", "203.0.113.7", "198.51.100.9"];
        assert_eq!(list(&headers, "198.51.100.9"), expected);
        let alone = [(HeaderName::Contact, "<sip:a@127.0.0.1>")];
        assert_eq!(list(&alone, "127.0.0.2"), ["127.0.0.1", "127.0.0.2"]);
    }

    #[test]
    fn an_answer_tells_a_contact_and_leaves_what_a_request_told() {
        let mut request = Headers::new();
        request.push(
            HeaderName::Via,
            "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1;received=203.0.113.7",
        );
        let mut answer = Headers::new();
        answer.push(
            HeaderName::Via,
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2;received=192.0.2.77",
        );
        answer.push(HeaderName::Contact, "<sip:a@10.0.0.6>");
        let mut sources = MediaSources::default();
        sources.learn_from_request(&request);
        sources.learn_from_response(&answer);
        let from = Hop {
            transport: Transport::Udp,
            addr: "198.51.100.9:5060".parse().unwrap(),
            verified_name: None,
        };
        let list: Vec<String> = sources.list(&from).iter().map(IpAddr::to_string).collect();
        assert_eq!(list, ["10.0.0.6", "203.0.113.7", "198.51.100.9"]);
    }
}
