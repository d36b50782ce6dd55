//! A page without a browser: the wire of the WebSDK over a real WebSocket, and a real WebRTC end (str0m)
//! behind each call. One can run dozens of calls with real ICE, DTLS and SRTP, which a browser on two cores cannot.

mod peer;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::kamailio::User;
use crate::ringdown::Ringdown;
use crate::tone::Tone;
use crate::wait;
use crate::wav::Recording;
use peer::{Certificate, Peer};
use wire::Wire;

/// What the server owes a page at once comes within this.
const SOON: Duration = Duration::from_secs(10);
/// Between two looks at the sockets when nothing comes.
const PACE: Duration = Duration::from_millis(2);

/// Who a page is and where its calls go.
#[derive(Debug, Clone, Copy)]
pub struct Login {
    /// SIP login and password.
    pub user: User,
    /// The SIP server.
    pub server: SocketAddr,
    /// `sipRegisterRequired`.
    pub registers: bool,
}

/// What a page does with a call that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Takes it at once.
    Answers,
    /// Declines it at once.
    Declines,
    /// Lets it ring.
    Rings,
}

/// What the server said about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Name of the message.
    pub message: String,
    /// `status`.
    pub status: String,
    /// `sipStatus`.
    pub sip_status: Option<u64>,
    /// `info`.
    pub info: String,
}

impl Told {
    /// No other status of the call may follow.
    #[must_use]
    pub fn is_final(&self) -> bool {
        ["FINISH", "FAILED"].contains(&self.status.as_str())
            || (self.status == "BUSY" && self.message == "finish")
    }
}

/// An open page. It closes its WebSocket when dropped.
#[derive(Debug)]
pub struct Bot {
    orders: Sender<Order>,
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
    caller: &'static str,
}

#[derive(Debug)]
enum Order {
    Call { id: String, callee: String },
    Answer(String),
    HangUp(String),
    Say { message: &'static str, data: Value },
    Close,
}

/// How a page sends a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// SIP INFO with `application/dtmf`.
    Info,
    /// SIP INFO with `application/dtmf-relay`.
    InfoRelay,
}

/// What the thread has seen.
#[derive(Debug, Default)]
struct Shared {
    /// Messages that are none of a call's statuses.
    said: Vec<(String, Value)>,
    /// In the order they came.
    incoming: Vec<String>,
    told: BTreeMap<String, Vec<Told>>,
    heard: BTreeMap<String, Vec<u8>>,
    /// `a=ice-pwd` of every SDP, sent and received.
    ice_passwords: Vec<String>,
    /// Why the thread has ended.
    over: Option<String>,
}

impl Bot {
    /// Connects, and waits until it is registered, if it is to be.
    pub fn open(ringdown: &Ringdown, login: &Login, manner: Manner, tone: Tone) -> Result<Self> {
        let wire = Wire::connect(ringdown.ws)?;
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (orders, queue) = channel();
        let mut page = Page {
            wire,
            queue,
            shared: Arc::clone(&shared),
            manner,
            tone,
            certificate: Certificate::generate()?,
            user: login.user.name,
            offers: BTreeMap::new(),
            peers: BTreeMap::new(),
        };
        page.wire.say("connection", connection(login))?;
        let thread = std::thread::Builder::new().name("bot".into());
        let thread = thread.spawn(move || page.run())?;
        let bot = Self {
            orders,
            shared,
            thread: Some(thread),
            caller: login.user.name,
        };
        let wanted = if login.registers {
            "registered"
        } else {
            "getUserData"
        };
        wait::until_true(wanted, SOON, || Ok(bot.said(wanted)?.is_some()))?;
        Ok(bot)
    }

    /// Calls somebody; the page's id of the call.
    pub fn call(&self, callee: &str) -> Result<String> {
        let id = format!("{:032x}", rand::rng().random::<u128>());
        let callee = callee.to_owned();
        self.order(Order::Call {
            id: id.clone(),
            callee,
        })?;
        Ok(id)
    }

    /// Takes a call that rings.
    pub fn answer(&self, id: &str) -> Result<()> {
        self.order(Order::Answer(id.to_owned()))
    }

    /// Declines, cancels, or ends a call.
    pub fn hang_up(&self, id: &str) -> Result<()> {
        self.order(Order::HangUp(id.to_owned()))
    }

    /// Holds a call.
    pub fn hold(&self, id: &str) -> Result<()> {
        self.say("hold", json!({ "callId": id }))
    }

    /// Resumes a call.
    pub fn unhold(&self, id: &str) -> Result<()> {
        self.say("unhold", json!({ "callId": id }))
    }

    /// Sends a frame of any kind.
    pub fn say(&self, message: &'static str, data: Value) -> Result<()> {
        self.order(Order::Say { message, data })
    }

    /// Presses keys in a call.
    pub fn press(&self, id: &str, keys: &str, how: Press) -> Result<()> {
        let kind = match how {
            Press::Info => "INFO",
            Press::InfoRelay => "INFO_RELAY",
        };
        let digits = json!({ "callId": id, "type": kind, "dtmf": keys });
        self.say("sendDtmf", digits)
    }

    /// Waits for the next call that nobody has been told of, by its number from 0.
    pub fn incoming(&self, number: usize) -> Result<String> {
        wait::until("an incoming call", SOON, || {
            Ok(self.look()?.incoming.get(number).cloned())
        })
    }

    /// The ids of all calls that came in so far.
    pub fn all_incoming(&self) -> Result<Vec<String>> {
        Ok(self.look()?.incoming.clone())
    }

    /// Every status of a call so far, in order.
    pub fn told(&self, id: &str) -> Result<Vec<Told>> {
        Ok(self.look()?.told.get(id).cloned().unwrap_or_default())
    }

    /// The names of these.
    pub fn statuses(&self, id: &str) -> Result<Vec<String>> {
        Ok(self.told(id)?.into_iter().map(|told| told.status).collect())
    }

    /// Waits for a status of a call.
    pub fn wait_for(&self, id: &str, status: &str, limit: Duration) -> Result<Told> {
        let found = wait::until(status, limit, || {
            let told = self.told(id)?;
            let over = told.iter().any(Told::is_final);
            let found = told.iter().find(|told| told.status == status).cloned();
            if found.is_none() && over {
                bail!("the call is over");
            }
            Ok(found)
        });
        found.with_context(|| format!("the call was told {:?}", self.told(id)))
    }

    /// Waits until a status of a call has been told `times` times.
    pub fn wait_for_times(
        &self,
        id: &str,
        status: &str,
        times: usize,
        limit: Duration,
    ) -> Result<()> {
        let what = format!("{status}, told {times} times");
        let found = wait::until_true(&what, limit, || {
            let all = self.statuses(id)?;
            Ok(all.iter().filter(|told| *told == status).count() >= times)
        });
        found.with_context(|| format!("the call was told {:?}", self.told(id)))
    }

    /// Waits until the statuses of a call are these.
    pub fn wait_for_all(&self, id: &str, statuses: &[&str], limit: Duration) -> Result<()> {
        let what = statuses.join(", ");
        let found = wait::until_true(&what, limit, || {
            let told = self.statuses(id)?;
            if told.len() > statuses.len() {
                bail!("the call was told more");
            }
            Ok(told == statuses)
        });
        found.with_context(|| format!("the call was told {:?}", self.told(id)))
    }

    /// Waits until the page has heard this many seconds more of a call than it has now.
    pub fn hear(&self, id: &str, seconds: f64, limit: Duration) -> Result<()> {
        let start = self.heard(id)?.seconds();
        wait::until_true(&format!("{seconds} s of sound at the page"), limit, || {
            Ok(self.heard(id)?.seconds() >= start + seconds)
        })
    }

    /// The messages of this name so far that are no status of a call.
    pub fn said_so_far(&self, name: &str) -> Result<Vec<Value>> {
        let shared = self.look()?;
        let said = shared.said.iter().filter(|(said, _)| said == name);
        Ok(said.map(|(_, data)| data.clone()).collect())
    }

    /// Waits until there are so many messages of this name, which are no status of a call, and gives them all.
    pub fn all_said(&self, name: &str, count: usize) -> Result<Vec<Value>> {
        wait::until(&format!("{count} of {name}"), SOON, || {
            let all = self.said_so_far(name)?;
            Ok((all.len() >= count).then_some(all))
        })
    }

    /// The ICE passwords of every SDP that the page has sent and received so far.
    pub fn ice_passwords(&self) -> Result<Vec<String>> {
        Ok(self.look()?.ice_passwords.clone())
    }

    /// What the page has heard in a call: 8000 Hz, without the time in which nothing came.
    pub fn heard(&self, id: &str) -> Result<Recording> {
        let bytes = self.look()?.heard.get(id).cloned().unwrap_or_default();
        Ok(recording(&bytes))
    }

    /// The first message of this name that is none of a call's statuses.
    fn said(&self, name: &str) -> Result<Option<Value>> {
        let shared = self.look()?;
        let mut said = shared.said.iter();
        Ok(said.find(|(said, _)| said == name).map(|(_, v)| v.clone()))
    }

    fn order(&self, order: Order) -> Result<()> {
        if self.orders.send(order).is_err() {
            drop(self.look()?);
            bail!("the page of {} is gone", self.caller);
        }
        Ok(())
    }

    fn look(&self) -> Result<MutexGuard<'_, Shared>> {
        let shared = lock(&self.shared);
        match &shared.over {
            Some(why) => bail!("the page of {} is over: {why}", self.caller),
            None => Ok(shared),
        }
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// mu-law as sound.
pub(crate) fn recording(bytes: &[u8]) -> Recording {
    let law = codec::Law::Mu;
    let samples = bytes
        .iter()
        .map(|b| f32::from(law.expand(*b)) / 32_768.0)
        .collect();
    Recording {
        rate: 8000,
        samples,
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connection(login: &Login) -> Value {
    json!({
        "appKey": "defaultApp",
        "mediaProviders": ["WebRTC"],
        "clientVersion": "2.0",
        "sipLogin": login.user.name,
        "sipAuthenticationName": login.user.name,
        "sipPassword": login.user.password,
        "sipDomain": login.server.ip().to_string(),
        "sipOutboundProxy": login.server.ip().to_string(),
        "sipPort": login.server.port().to_string(),
        "sipRegisterRequired": login.registers,
        "features": ["holdState", "digit", "sipMessage", "messageWaiting"],
    })
}

/// The page itself, on its thread.
struct Page {
    wire: Wire,
    queue: Receiver<Order>,
    shared: Arc<Mutex<Shared>>,
    manner: Manner,
    tone: Tone,
    certificate: Certificate,
    user: &'static str,
    /// SDP that came before its call was answered.
    offers: BTreeMap<String, String>,
    peers: BTreeMap<String, Peer>,
}

impl Page {
    fn run(mut self) {
        let why = match self.turns() {
            Ok(()) => "closed".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        lock(&self.shared).over = Some(why);
    }

    fn turns(&mut self) -> Result<()> {
        loop {
            match self.queue.try_recv() {
                Ok(Order::Close) | Err(TryRecvError::Disconnected) => return self.wire.close(),
                Ok(order) => self.order(order)?,
                Err(TryRecvError::Empty) => {}
            }
            let mut busy = false;
            while let Some((message, data)) = self.wire.hear()? {
                busy = true;
                self.message(&message, &data)?;
            }
            let now = Instant::now();
            for (id, peer) in &mut self.peers {
                let heard = peer.turn(now)?;
                if !heard.is_empty() {
                    busy = true;
                    let mut shared = lock(&self.shared);
                    shared.heard.entry(id.clone()).or_default().extend(heard);
                }
            }
            if !busy {
                std::thread::park_timeout(PACE);
            }
        }
    }

    fn order(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Call { id, callee } => {
                let (peer, sdp) = Peer::offer(&self.certificate, self.tone)?;
                self.peers.insert(id.clone(), peer);
                self.keep_ice_password(&sdp);
                let call = json!({
                    "callId": id, "incoming": false, "hasVideo": false, "hasAudio": true,
                    "status": "PENDING", "mediaProvider": "WebRTC", "sdp": sdp,
                    "caller": self.user, "callee": callee, "visibleName": self.user,
                });
                self.wire.say("call", call)
            }
            Order::Answer(id) => self.answer(&id),
            Order::HangUp(id) => self.wire.say("hangup", json!({ "callId": id })),
            Order::Say { message, data } => self.wire.say(message, data),
            Order::Close => Ok(()),
        }
    }

    fn message(&mut self, message: &str, data: &[Value]) -> Result<()> {
        let first = data.first().cloned().unwrap_or_default();
        match message {
            "ping" => self.wire.say("pong", Value::Null),
            "setRemoteSDP" => {
                let id = first.as_str().context("setRemoteSDP without a call")?;
                let sdp = data.get(1).and_then(Value::as_str);
                let sdp = sdp.context("setRemoteSDP without SDP")?.to_owned();
                self.keep_ice_password(&sdp);
                match self.peers.get_mut(id) {
                    Some(peer) => peer.take_answer(&sdp),
                    None => {
                        self.offers.insert(id.to_owned(), sdp);
                        Ok(())
                    }
                }
            }
            "notifyIncomingCall" => {
                let id = first["callId"].as_str().context("a call without an id")?;
                lock(&self.shared).incoming.push(id.to_owned());
                if self.manner == Manner::Answers {
                    self.answer(id)?;
                }
                Ok(())
            }
            "notifyTryingResponse" | "ring" | "talk" | "hold" | "busy" | "finish" => {
                self.status(message, &first)
            }
            _ => {
                let mut shared = lock(&self.shared);
                shared.said.push((message.to_owned(), first));
                Ok(())
            }
        }
    }

    fn keep_ice_password(&self, sdp: &str) {
        let lines = sdp.lines().filter_map(|l| l.strip_prefix("a=ice-pwd:"));
        let mut shared = lock(&self.shared);
        shared.ice_passwords.extend(lines.map(str::to_owned));
    }

    fn status(&mut self, message: &str, info: &Value) -> Result<()> {
        let id = info["callId"].as_str().context("a status without a call")?;
        let told = Told {
            message: message.to_owned(),
            status: info["status"].as_str().unwrap_or_default().to_owned(),
            sip_status: info["sipStatus"].as_u64(),
            info: info["info"].as_str().unwrap_or_default().to_owned(),
        };
        if told.is_final() {
            self.peers.remove(id);
            self.offers.remove(id);
        }
        let is_ring = message == "ring";
        let first = {
            let mut shared = lock(&self.shared);
            let all = shared.told.entry(id.to_owned()).or_default();
            all.push(told);
            all.len() == 1
        };
        if is_ring && first && self.manner == Manner::Declines {
            self.wire.say("hangup", json!({ "callId": id }))?;
        }
        Ok(())
    }

    fn answer(&mut self, id: &str) -> Result<()> {
        let offer = self.offers.get(id).context("no offer came for the call")?;
        let (peer, sdp) = Peer::answer(&self.certificate, self.tone, offer)?;
        self.peers.insert(id.to_owned(), peer);
        self.keep_ice_password(&sdp);
        let answer = json!({
            "callId": id, "incoming": true, "hasVideo": true, "hasAudio": true,
            "status": "PENDING", "mediaProvider": "WebRTC", "sdp": sdp, "callee": self.user,
        });
        self.wire.say("answer", answer)
    }
}
