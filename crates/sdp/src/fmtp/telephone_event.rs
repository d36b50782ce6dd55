//! Events of telephone-event (RFC 4733 §2.4.1): `0-15`, `0-16`, `0-11,16,66`.

/// What we offer: digits, `*`, `#`, `A`-`D`, flash.
pub(crate) const OFFERED: &str = "0-16";
/// Browsers have no flash.
pub(crate) const BROWSER: &str = "0-15";
/// What no fmtp means (RFC 4733 §2.4.1).
const DEFAULT: &str = "0-15";
/// The last event we relay: flash.
const LAST: usize = 16;

/// The events of a peer that we relay, for the answer.
pub(crate) fn answered(fmtp: Option<&str>) -> String {
    let theirs = read(fmtp.unwrap_or(DEFAULT));
    let mut ranges: Vec<String> = Vec::new();
    let mut event = 0;
    while event <= LAST {
        if !theirs[event] {
            event += 1;
            continue;
        }
        let first = event;
        while event <= LAST && theirs[event] {
            event += 1;
        }
        let last = event - 1;
        ranges.push(if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        });
    }
    if ranges.is_empty() {
        DEFAULT.to_owned()
    } else {
        ranges.join(",")
    }
}

fn read(fmtp: &str) -> [bool; LAST + 1] {
    let mut events = [false; LAST + 1];
    for range in fmtp.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.trim().parse::<u8>(), last.trim().parse::<u8>()) else {
            continue;
        };
        for (event, listed) in events.iter_mut().enumerate() {
            *listed |= (usize::from(first)..=usize::from(last)).contains(&event);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::answered;

    #[test]
    fn events_of_the_peer_are_answered_up_to_flash() {
        for (given, expected) in [
            (None, "0-15"),
            (Some("0-15"), "0-15"),
            (Some("0-16"), "0-16"),
            (Some("0-255"), "0-16"),
            (Some("0-11, 16,66,70"), "0-11,16"),
            (Some("5,3,4"), "3-5"),
            (Some("nonsense"), "0-15"),
            (Some("9-2"), "0-15"),
        ] {
            assert_eq!(answered(given), expected, "{given:?}");
        }
    }
}
