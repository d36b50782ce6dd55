//! The nonces of our challenges: ours, young, and each count used once (RFC 7616 §3.3, §5.5).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha20Rng;

/// An older nonce is stale.
const LIFE: Duration = Duration::from_secs(300);

/// The oldest goes when there are more.
const MOST: usize = 1024;

/// The nonces given out.
#[derive(Debug, Default)]
pub(crate) struct Nonces(BTreeMap<String, Nonce>);

#[derive(Debug)]
struct Nonce {
    born: Instant,
    /// Highest count used, and the request it was used in.
    used: (u32, RequestId),
}

/// Call-ID and CSeq: a repetition of a request carries the same count.
pub(crate) type RequestId = (String, u32);

impl Nonces {
    /// A new one.
    pub(crate) fn issue(&mut self, rng: &mut ChaCha20Rng, now: Instant) -> String {
        if self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, nonce)| nonce.born);
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                self.0.remove(&name);
            }
        }
        let name = format!("{:032x}", rng.random::<u128>());
        let used = (0, RequestId::default());
        self.0.insert(name.clone(), Nonce { born: now, used });
        name
    }

    /// Whether an answer with this nonce and count (`None`: RFC 2069, without one) is good; else it
    /// is stale. Ask only when its hash was right.
    pub(crate) fn take(
        &mut self,
        nonce: &str,
        count: Option<u32>,
        request: RequestId,
        now: Instant,
    ) -> bool {
        let Some(nonce) = self.0.get_mut(nonce) else {
            return false;
        };
        if now.saturating_duration_since(nonce.born) > LIFE {
            return false;
        }
        let Some(count) = count else {
            return true;
        };
        if count > nonce.used.0 {
            nonce.used = (count, request);
            return true;
        }
        nonce.used == (count, request)
    }
}
