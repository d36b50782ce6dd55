//! H.264 parameters (RFC 6184 §8.1): profiles compared by meaning, never as strings.
//!
//! `profile-level-id` is three bytes: profile_idc, the constraint flags (profile-iop), level_idc.
//! The same profile has several spellings (table 5): `42e01f`, `42c01f` and `4d801f` are all
//! Constrained Baseline.

use super::parameters;

/// A profile of RFC 6184 table 5, and Constrained High, which browsers add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    ConstrainedHigh,
    High,
    /// profile_idc of another.
    Other(u8),
}

impl Profile {
    /// RFC 6184 table 5, tolerant of reserved bits that devices set.
    fn of(idc: u8, iop: u8) -> Self {
        let set = |flag: u8| iop & flag != 0;
        match idc {
            0x42 if set(0x40) => Self::ConstrainedBaseline,
            0x42 => Self::Baseline,
            0x4d if set(0x80) => Self::ConstrainedBaseline,
            0x4d => Self::Main,
            0x58 if set(0x80) && set(0x40) => Self::ConstrainedBaseline,
            0x58 if set(0x80) => Self::Baseline,
            0x58 => Self::Extended,
            0x64 if iop & 0x0c == 0x0c => Self::ConstrainedHigh,
            0x64 => Self::High,
            other => Self::Other(other),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ConstrainedBaseline => "Constrained Baseline",
            Self::Baseline => "Baseline",
            Self::Main => "Main",
            Self::Extended => "Extended",
            Self::ConstrainedHigh => "Constrained High",
            Self::High => "High",
            Self::Other(_) => "another profile",
        }
    }

    /// How far a peer that knows only Constrained Baseline is from taking it.
    pub(crate) fn distance_from_constrained_baseline(self) -> u8 {
        match self {
            Self::ConstrainedBaseline => 0,
            Self::Baseline => 1,
            _ => 2,
        }
    }

    fn is_baseline(self) -> bool {
        matches!(self, Self::ConstrainedBaseline | Self::Baseline)
    }
}

/// What an fmtp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct H264 {
    /// profile_idc, profile-iop, level; `None` where it is not given: RFC 6184 §8.1 then says
    /// Baseline at level 1, but no device without fmtp means level 1, so the level stays open.
    profile_level: Option<(u8, u8, Level)>,
    /// 0 where it is not given.
    pub(crate) mode: u8,
    asymmetry: bool,
    /// Parameter sets out of band, in base64.
    sprop: Option<String>,
}

/// Ten times the level; 9 stands for 1b (between 1 and 1.1).
type Level = u8;

/// What we say where nothing is known: Constrained Baseline 3.1, which every browser decodes.
const DEFAULT: (u8, u8, Level) = (0x42, 0xe0, 31);

impl H264 {
    pub(crate) fn parse(fmtp: Option<&str>) -> Self {
        let mut h264 = Self {
            profile_level: None,
            mode: 0,
            asymmetry: false,
            sprop: None,
        };
        for (name, value) in parameters(fmtp.unwrap_or_default()) {
            match name.as_str() {
                "profile-level-id" => h264.profile_level = profile_level(value),
                "packetization-mode" => h264.mode = value.parse().unwrap_or(u8::MAX),
                "level-asymmetry-allowed" => h264.asymmetry = value == "1",
                "sprop-parameter-sets" if is_base64_list(value) => {
                    h264.sprop = Some(value.to_owned())
                }
                _ => {}
            }
        }
        h264
    }

    /// Baseline if nothing is said (RFC 6184 §8.1).
    pub(crate) fn profile(&self) -> Profile {
        self.profile_level
            .map_or(Profile::Baseline, |(idc, iop, _)| Profile::of(idc, iop))
    }

    /// We packetize and depacketize nothing, so any mode but interleaved may pass.
    pub(crate) fn can_pass(&self) -> bool {
        self.mode <= 1 && !matches!(self.profile(), Profile::Other(_) | Profile::Extended)
    }

    /// `Some` if a stream of the one is a stream of the other: same packetization mode, same profile
    /// by meaning. Smaller is closer.
    ///
    /// Baseline and Constrained Baseline count as one, at a distance: what differs (FMO, ASO,
    /// redundant slices) no encoder of a phone or browser writes, and linphone and Polycom name
    /// their Constrained Baseline `42801f`.
    pub(crate) fn distance(&self, other: &Self) -> Option<u8> {
        if self.mode != other.mode || !self.can_pass() || !other.can_pass() {
            return None;
        }
        match (self.profile(), other.profile()) {
            (one, two) if one == two => Some(0),
            (one, two) if one.is_baseline() && two.is_baseline() => Some(1),
            _ => None,
        }
    }

    /// Whether a stream of this one may be sent as the other although that is in mode 1 and this in
    /// mode 0: single NAL unit packets are allowed in both (RFC 6184 §6.3). Not the other way round.
    pub(crate) fn single_units_fit(&self, other: &Self) -> bool {
        let in_mode_1 = Self {
            mode: 1,
            ..self.clone()
        };
        self.mode == 0 && in_mode_1.distance(other).is_some()
    }

    /// The fmtp of a browser as we offer it to SIP, its defaults written out.
    pub(crate) fn offer_to_sip(&self) -> String {
        let (idc, iop, level) = self.profile_level.unwrap_or(DEFAULT);
        self.write(idc, iop, level, self.asymmetry)
    }

    /// The fmtp for a browser that stands for a SIP peer's: Baseline is written as Constrained
    /// Baseline (each browser knows that one), the level is the peer's.
    pub(crate) fn for_browser(&self) -> String {
        let (idc, iop, level) = match self.profile_level {
            Some((idc, iop, level)) if !Profile::of(idc, iop).is_baseline() => (idc, iop, level),
            Some((_, _, level)) => (DEFAULT.0, DEFAULT.1, level),
            None => DEFAULT,
        };
        let mut fmtp = self.write(idc, iop, level, true);
        if let Some(sprop) = &self.sprop {
            fmtp.push_str(";sprop-parameter-sets=");
            fmtp.push_str(sprop);
        }
        fmtp
    }

    /// Our answer on the browser leg to what the browser offered: its profile in its own spelling,
    /// the level and parameter sets of the SIP peer.
    pub(crate) fn answer_to_browser(offered: &Self, sip: &Self) -> String {
        let (idc, iop, own) = offered.profile_level.unwrap_or(DEFAULT);
        let level = sip.profile_level.map_or(own, |(_, _, level)| level);
        let mut fmtp = offered.write(idc, iop, level, true);
        if let Some(sprop) = &sip.sprop {
            fmtp.push_str(";sprop-parameter-sets=");
            fmtp.push_str(sprop);
        }
        fmtp
    }

    /// Our answer on the SIP leg (RFC 6184 §8.2.2): profile and mode as offered; the level is the
    /// browser's own if both allow asymmetry, else the lower of the two.
    pub(crate) fn answer_to_sip(offered: &Self, browser: &Self) -> String {
        let (_, _, own) = browser.profile_level.unwrap_or(DEFAULT);
        let asymmetry = offered.asymmetry && browser.asymmetry;
        match offered.profile_level {
            Some((idc, iop, level)) => {
                let level = if asymmetry { own } else { own.min(level) };
                offered.write(idc, iop, level, asymmetry)
            }
            None => offered.write(DEFAULT.0, DEFAULT.1, own, false),
        }
    }

    fn write(&self, idc: u8, iop: u8, level: Level, asymmetry: bool) -> String {
        let asymmetry = if asymmetry {
            "level-asymmetry-allowed=1;"
        } else {
            ""
        };
        let (iop, level) = match (idc, level) {
            // H.264 A.3.4: level 1b is 1.1 with constraint_set3 in these profiles.
            (0x42 | 0x4d | 0x58, 9) => (iop | 0x10, 11),
            (0x42 | 0x4d | 0x58, _) => (iop & !0x10, level),
            _ => (iop, level),
        };
        format!(
            "{asymmetry}packetization-mode={};profile-level-id={idc:02x}{iop:02x}{level:02x}",
            self.mode
        )
    }
}

fn is_base64_list(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=,".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

fn profile_level(text: &str) -> Option<(u8, u8, Level)> {
    if text.len() != 6 {
        return None;
    }
    let bytes = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    let [_, idc, iop, level] = bytes;
    let is_1b = matches!(idc, 0x42 | 0x4d | 0x58) && iop & 0x10 != 0 && level == 11;
    Some((idc, iop, if is_1b { 9 } else { level }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h264(fmtp: &str) -> H264 {
        H264::parse(Some(fmtp))
    }

    #[track_caller]
    fn check(one: &str, two: &str, distance: Option<u8>) {
        assert_eq!(h264(one).distance(&h264(two)), distance, "{one} | {two}");
        assert_eq!(h264(two).distance(&h264(one)), distance, "{two} | {one}");
    }

    #[test]
    fn profiles_compare_by_meaning() {
        let with = |id: &str| format!("profile-level-id={id};packetization-mode=1");
        for (one, two, distance) in [
            ("42e01f", "42e01f", Some(0)),
            // Levels do not matter, nor does the case of the digits.
            ("42e01f", "42E00D", Some(0)),
            // Three spellings of Constrained Baseline.
            ("42e01f", "42c01f", Some(0)),
            ("42e01f", "4d801f", Some(0)),
            ("42e01f", "58c01f", Some(0)),
            // Baseline, and what devices mean by it.
            ("42001f", "42801f", Some(0)),
            ("42e01f", "42801f", Some(1)),
            ("42e01f", "42001f", Some(1)),
            ("42001f", "58801f", Some(0)),
            // Main is not Baseline.
            ("4d001f", "42e01f", None),
            ("4d001f", "42001f", None),
            ("4d001f", "4d4028", Some(0)),
            // High and Constrained High are two.
            ("640028", "64001f", Some(0)),
            ("640c1f", "640c28", Some(0)),
            ("640c1f", "64001f", None),
            ("640028", "42e01f", None),
            ("640028", "4d001f", None),
            // Extended and 4:4:4 never pass.
            ("58001f", "58001f", None),
            ("f4001f", "f4001f", None),
        ] {
            check(&with(one), &with(two), distance);
        }
    }

    #[test]
    fn packetization_modes_must_agree() {
        let id = "profile-level-id=42e01f";
        check(
            &format!("{id};packetization-mode=1"),
            &format!("{id};packetization-mode=1"),
            Some(0),
        );
        check(
            &format!("{id};packetization-mode=1"),
            &format!("{id};packetization-mode=0"),
            None,
        );
        // Not given means 0 (RFC 6184 §8.1).
        check(id, &format!("{id};packetization-mode=0"), Some(0));
        // Interleaved mode is nobody's.
        check(
            &format!("{id};packetization-mode=2"),
            &format!("{id};packetization-mode=2"),
            None,
        );
        check(
            &format!("{id};packetization-mode=x"),
            &format!("{id};packetization-mode=x"),
            None,
        );
    }

    #[test]
    fn nothing_said_is_baseline_in_mode_0() {
        let nothing = H264::parse(None);
        assert_eq!((nothing.profile(), nothing.mode), (Profile::Baseline, 0));
        check("", "profile-level-id=42001f;packetization-mode=0", Some(0));
        check("", "profile-level-id=42e01f", Some(1));
        check("", "profile-level-id=4d001f", None);
        check("profile-level-id=42", "profile-level-id=42e01f", Some(1));
    }

    #[test]
    fn a_browser_is_told_the_level_of_the_sip_peer() {
        for (sip, expected) in [
            ("profile-level-id=42800d", "42e00d"),
            ("profile-level-id=42e01f", "42e01f"),
            ("", "42e01f"),
            ("profile-level-id=640028", "640028"),
            // Level 1b.
            ("profile-level-id=42f00b", "42f00b"),
        ] {
            let fmtp = h264(sip).for_browser();
            let expected = format!(
                "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id={expected}"
            );
            assert_eq!(fmtp, expected, "{sip}");
        }
        let fmtp = H264::answer_to_browser(
            &h264("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
            &h264("packetization-mode=1;profile-level-id=42800d;sprop-parameter-sets=Z0LA,aM4="),
        );
        assert_eq!(
            fmtp,
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000d;\
             sprop-parameter-sets=Z0LA,aM4="
        );
    }

    #[test]
    fn the_sip_answer_keeps_profile_and_mode_of_the_offer() {
        let browser = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        for (offer, expected) in [
            // Without asymmetry the lower level holds for both directions.
            (
                "packetization-mode=1;profile-level-id=42800d",
                "packetization-mode=1;profile-level-id=42800d",
            ),
            (
                "packetization-mode=1;profile-level-id=428028",
                "packetization-mode=1;profile-level-id=42801f",
            ),
            // With it each says what it can receive.
            (
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42800d",
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42801f",
            ),
            ("", "packetization-mode=0;profile-level-id=42e01f"),
        ] {
            assert_eq!(
                H264::answer_to_sip(&h264(offer), &h264(browser)),
                expected,
                "{offer}"
            );
        }
    }
}
