//! A dialog as plain data, and the requests sent inside it (RFC 3261 section 12).

use crate::header::{CSeq, Contacts, HeaderName, Route};
use crate::message::{Headers, Method, Request, Response};
use crate::uri::Uri;

/// The state both ends share about a call (RFC 3261 section 12: "A dialog is identified at each UA with a dialog ID").
#[derive(Clone, Debug, PartialEq)]
pub struct Dialog {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Their tag; empty for a peer of RFC 2543 that gives none.
    pub remote_tag: String,
    /// Our address as From carries it in our requests, with tag.
    pub local: String,
    /// Their address as To carries it in our requests, with tag.
    pub remote: String,
    /// CSeq number of our latest request.
    pub local_cseq: u32,
    /// CSeq number of their latest request; `None`: they have sent none.
    pub remote_cseq: Option<u32>,
    /// Where they want to be reached: their Contact.
    pub remote_target: Uri,
    /// Proxies to pass on the way, nearest first.
    pub route_set: Vec<Route>,
}

impl Dialog {
    /// The dialog an answer to our INVITE creates (RFC 3261 section 12.1.2).
    ///
    /// A response without a usable Contact leaves the Request-URI of the INVITE as the remote target.
    #[must_use]
    pub fn of_caller(invite: &Request, response: &Response) -> Self {
        // 12.1.2: "The route set MUST be set to the list of URIs in the Record-Route header field from the response,
        // taken in reverse order and preserving all URI parameters."
        let mut route_set = response.headers.record_routes().unwrap_or_default();
        route_set.reverse();
        Self {
            call_id: text(&invite.headers, &HeaderName::CallId),
            local_tag: tag(invite.headers.from().ok()),
            remote_tag: tag(response.headers.to().ok()),
            local: text(&invite.headers, &HeaderName::From),
            remote: text(&response.headers, &HeaderName::To),
            // 12.1.2: "The local sequence number MUST be set to the value of the sequence number in the CSeq header
            // field of the request. The remote sequence number MUST be empty"
            local_cseq: invite.headers.cseq().map_or(0, |cseq| cseq.number),
            remote_cseq: None,
            // 12.1.2: "The remote target MUST be set to the URI from the Contact header field of the response."
            remote_target: contact(&response.headers).unwrap_or_else(|| invite.uri.clone()),
            route_set,
        }
    }

    /// The dialog our answer to their INVITE creates (RFC 3261 section 12.1.1).
    #[must_use]
    pub fn of_callee(invite: &Request, local_tag: &str) -> Self {
        let from = invite.headers.from().ok();
        let remote_uri = from
            .as_ref()
            .map_or_else(|| invite.uri.clone(), |from| from.uri.clone());
        Self {
            call_id: text(&invite.headers, &HeaderName::CallId),
            local_tag: local_tag.to_owned(),
            remote_tag: tag(from),
            local: format!("{};tag={local_tag}", text(&invite.headers, &HeaderName::To)),
            remote: text(&invite.headers, &HeaderName::From),
            local_cseq: 0,
            remote_cseq: invite.headers.cseq().ok().map(|cseq| cseq.number),
            // 12.1.1: "The remote target MUST be set to the URI from the Contact header field of the request."
            remote_target: contact(&invite.headers).unwrap_or(remote_uri),
            // 12.1.1: "The route set MUST be set to the list of URIs in the Record-Route header field from the
            // request, taken in order and preserving all URI parameters."
            route_set: invite.headers.record_routes().unwrap_or_default(),
        }
    }

    /// A 2xx to this INVITE confirms the early dialog of a caller (RFC 3261 section 13.2.2.4).
    pub fn confirm(&mut self, invite: &Request, response: &Response) {
        // 13.2.2.4: "If the dialog identifier in the 2xx response matches the dialog identifier of an existing dialog, the
        // dialog MUST be transitioned to the "confirmed" state, and the route set for the dialog MUST be recomputed based
        // on the 2xx response using the procedures of Section 12.2.1.2." "Note that the only piece of state that is
        // recomputed is the route set. Other pieces of state such as the highest sequence numbers (remote and local) sent
        // within the dialog are not recomputed."
        let mut route_set = response.headers.record_routes().unwrap_or_default();
        route_set.reverse();
        self.route_set = route_set;
        // The dialog may stem from a 18x to an earlier INVITE, which was then challenged.
        let invite_cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        self.local_cseq = self.local_cseq.max(invite_cseq);
        self.refresh_target(&response.headers);
    }

    /// Takes the Contact of a target refresh request that we accept, or of the 2xx to one of ours (RFC 3261 sections
    /// 12.2.1.2, 12.2.2). Returns whether the remote target has changed.
    pub fn refresh_target(&mut self, headers: &Headers) -> bool {
        match contact(headers) {
            Some(target) if target != self.remote_target => {
                self.remote_target = target;
                true
            }
            _ => false,
        }
    }

    /// The next request of ours (RFC 3261 section 12.2.1.1), still without Via.
    pub fn request(&mut self, method: Method) -> Request {
        // 12.2.1.1: "Requests within a dialog MUST contain strictly monotonically increasing and contiguous CSeq
        // sequence numbers (increasing-by-one) in each direction"
        self.local_cseq += 1;
        self.build(method, self.local_cseq)
    }

    /// The ACK of the 2xx to the INVITE with this CSeq number (RFC 3261 section 13.2.2.4), still without Via.
    #[must_use]
    pub fn ack(&self, invite_cseq: u32) -> Request {
        self.build(Method::Ack, invite_cseq)
    }

    /// The URI whose host the next request is sent to.
    #[must_use]
    pub fn next_uri(&self) -> &Uri {
        self.route_set
            .first()
            .map_or(&self.remote_target, |route| &route.uri)
    }

    /// Whether a request of theirs with this number is in order; if so it is remembered.
    pub fn accept_cseq(&mut self, number: u32) -> bool {
        // 12.2.2: "If the remote sequence number was not empty, but the sequence number of the request is lower than
        // the remote sequence number, the request is out of order and MUST be rejected with a 500". Equal numbers are
        // retransmissions, which the transaction layer has taken already.
        if self.remote_cseq.is_some_and(|seen| number <= seen) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    fn build(&self, method: Method, cseq: u32) -> Request {
        let mut headers = Headers::new();
        let mut uri = self.remote_target.clone();
        uri.headers = None;
        let mut routes: Vec<String> = self.route_set.iter().map(ToString::to_string).collect();
        if let Some(first) = self.route_set.first().filter(|route| !route.is_loose()) {
            // 12.2.1.1: "If the route set is not empty, and its first URI does not contain the lr parameter, the UAC MUST
            // place the first URI from the route set into the Request-URI, stripping any parameters that are not
            // allowed in a Request-URI. The UAC MUST add a Route header field containing the remainder of the route
            // set values in order, including all parameters. The UAC MUST then place the remote target URI into the
            // Route header field as the last value."
            uri = first.uri.clone();
            uri.headers = None;
            uri.params.remove("method");
            routes.remove(0);
            routes.push(format!("<{}>", self.remote_target));
        }
        for route in routes {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, self.local.clone());
        headers.push(HeaderName::To, self.remote.clone());
        headers.push(HeaderName::CallId, self.call_id.clone());
        headers.push(
            HeaderName::CSeq,
            CSeq {
                number: cseq,
                method: method.clone(),
            }
            .to_string(),
        );
        Request {
            method,
            uri,
            headers,
            body: Default::default(),
        }
    }
}

fn text(headers: &Headers, name: &HeaderName) -> String {
    headers.get(name).unwrap_or_default().to_owned()
}

fn tag(end: Option<crate::header::FromTo>) -> String {
    end.and_then(|end| end.tag).unwrap_or_default()
}

fn contact(headers: &Headers) -> Option<Uri> {
    match headers.contacts().ok()? {
        Contacts::Star => None,
        Contacts::List(list) => list.into_iter().next().map(|contact| contact.uri),
    }
}
