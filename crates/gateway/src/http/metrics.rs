//! `/metrics`: how much there is of everything, in the text format of Prometheus (version 0.0.4), on a listener of its
//! own that is bound to 127.0.0.1.
//!
//! All of it is read when somebody asks; nothing is counted for its sake while calls run. No name, number, address or
//! token stands in a label: the set of lines never changes.

use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::control::Control;
use crate::shard::{Figures, MediaHandle};

/// The control loop answers within this, or that is the answer.
const WITHIN: Duration = Duration::from_secs(2);
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where the figures come from.
#[derive(Clone)]
pub(crate) struct Metrics {
    control: Control,
    media: MediaHandle,
}

impl Metrics {
    /// Figures of this control loop and these shards.
    pub(crate) fn new(control: Control, media: MediaHandle) -> Self {
        Self { control, media }
    }

    /// Serves until the listener fails.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let app = Router::new()
            .route("/metrics", get(metrics))
            .with_state(self);
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the server of /metrics stopped");
        }
    }
}

async fn metrics(State(metrics): State<Metrics>) -> Response {
    let counts = tokio::time::timeout(WITHIN, metrics.control.counts()).await;
    let Ok(Some(counts)) = counts else {
        let text = format!("The control loop did not answer within {WITHIN:?}.\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let tasks = Handle::current().metrics().num_alive_tasks();
    let text = write(&counts, &metrics.media.figures(), tasks);
    ([(header::CONTENT_TYPE, TEXT)], text).into_response()
}

/// The page. Gauges first, then what only grows.
fn write(hub: &session::Counts, media: &Figures, tasks: usize) -> String {
    let mut page = Page {
        text: String::with_capacity(4096),
        name: "",
    };
    let sip = &hub.sip;
    page.gauge("ringdown_websockets", "Open WebSockets.", hub.sockets);
    page.gauge(
        "ringdown_sessions",
        "Sessions of pages, attached or not.",
        hub.sessions,
    );
    page.gauge(
        "ringdown_sessions_attached",
        "Sessions that have a WebSocket.",
        hub.attached,
    );
    page.gauge(
        "ringdown_registrations",
        "SIP accounts registered or being registered.",
        hub.registrations.max(sip.registrations),
    );
    page.gauge(
        "ringdown_calls",
        "Calls, those that are still ending on the SIP side included.",
        hub.calls,
    );
    page.gauge("ringdown_call_legs", "Pages that ring or talk.", hub.legs);
    page.gauge(
        "ringdown_session_timers",
        "Timers of sockets, sessions and calls.",
        hub.alarms,
    );
    page.gauge(
        "ringdown_sip_dialogs",
        "SIP calls, those whose transactions still linger included.",
        sip.dialogs,
    );
    page.family("ringdown_sip_transactions", "gauge", "SIP transactions.");
    page.sample("{role=\"client\"}", sip.client_transactions);
    page.sample("{role=\"server\"}", sip.server_transactions);
    page.gauge("ringdown_sip_timers", "Timers of SIP.", sip.timers);
    page.gauge(
        "ringdown_media_calls",
        "Calls on the media shards.",
        media.calls,
    );
    page.gauge(
        "ringdown_media_legs",
        "Browser legs on the media shards.",
        media.legs,
    );
    page.gauge(
        "ringdown_media_timers",
        "Deadlines on the media shards, void ones included.",
        media.timers,
    );
    page.family(
        "ringdown_rtp_port_pairs",
        "gauge",
        "Pairs of RTP ports toward the SIP side: of calls, and resting after use.",
    );
    page.sample("{state=\"in_use\"}", media.port_pairs_in_use);
    page.sample("{state=\"resting\"}", media.port_pairs_resting);
    page.gauge(
        "ringdown_media_shards",
        "Threads that carry media.",
        media.shards,
    );
    page.gauge(
        "ringdown_tasks",
        "Tasks of the process, the one that answers this included.",
        tasks,
    );
    page.counter(
        "ringdown_browser_datagrams_total",
        "Datagrams that came from browsers.",
        media.from_browsers,
    );
    page.counter(
        "ringdown_browser_datagrams_unrouted_total",
        "Datagrams from browsers that name no call.",
        media.unrouted,
    );
    page.counter(
        "ringdown_browser_datagrams_refused_total",
        "Datagrams from browsers that their call did not accept.",
        media.refused,
    );
    page.counter(
        "ringdown_sip_media_datagrams_oversize_total",
        "Datagrams of SIP peers that were larger than any packet of media and were dropped.",
        media.oversize,
    );
    page.counter(
        "ringdown_media_datagrams_unsent_total",
        "Datagrams that the kernel did not take.",
        media.unsent,
    );
    page.counter(
        "ringdown_media_panics_total",
        "Calls that ended by a defect in their media.",
        media.panics,
    );
    page.text
}

/// Lines of the text format. Writing to a `String` does not fail.
struct Page {
    text: String,
    /// The family whose samples follow.
    name: &'static str,
}

impl Page {
    fn gauge(&mut self, name: &'static str, help: &str, value: usize) {
        self.family(name, "gauge", help);
        self.sample("", value);
    }

    fn counter(&mut self, name: &'static str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample("", value);
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self.name = name;
    }

    fn sample(&mut self, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every family has HELP and TYPE, every line is a name, labels of ours and a number, and each figure stands where
    /// it belongs.
    #[test]
    fn the_page_is_prometheus_text_with_every_figure_in_its_place() {
        let hub = session::Counts {
            sockets: 1,
            sessions: 2,
            attached: 3,
            registrations: 4,
            calls: 5,
            legs: 6,
            alarms: 7,
            sip: sip::Counts {
                dialogs: 8,
                messages: 0,
                client_transactions: 9,
                server_transactions: 10,
                registrations: 4,
                timers: 11,
            },
        };
        let media = Figures {
            shards: 12,
            calls: 13,
            legs: 14,
            timers: 15,
            port_pairs_in_use: 16,
            port_pairs_resting: 17,
            from_browsers: 18,
            unrouted: 19,
            refused: 20,
            oversize: 21,
            unsent: 22,
            panics: 23,
        };
        let page = write(&hub, &media, 24);
        let samples: Vec<&str> = page.lines().filter(|l| !l.starts_with('#')).collect();
        let expected = [
            "ringdown_websockets 1",
            "ringdown_sessions 2",
            "ringdown_sessions_attached 3",
            "ringdown_registrations 4",
            "ringdown_calls 5",
            "ringdown_call_legs 6",
            "ringdown_session_timers 7",
            "ringdown_sip_dialogs 8",
            "ringdown_sip_transactions{role=\"client\"} 9",
            "ringdown_sip_transactions{role=\"server\"} 10",
            "ringdown_sip_timers 11",
            "ringdown_media_calls 13",
            "ringdown_media_legs 14",
            "ringdown_media_timers 15",
            "ringdown_rtp_port_pairs{state=\"in_use\"} 16",
            "ringdown_rtp_port_pairs{state=\"resting\"} 17",
            "ringdown_media_shards 12",
            "ringdown_tasks 24",
            "ringdown_browser_datagrams_total 18",
            "ringdown_browser_datagrams_unrouted_total 19",
            "ringdown_browser_datagrams_refused_total 20",
            "ringdown_sip_media_datagrams_oversize_total 21",
            "ringdown_media_datagrams_unsent_total 22",
            "ringdown_media_panics_total 23",
        ];
        assert_eq!(samples, expected);
        for sample in samples {
            let name = sample.split(['{', ' ']).next().unwrap_or_default();
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            assert!(page.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
            assert!(page.contains(&format!("# HELP {name} ")), "{name}");
        }
    }
}
