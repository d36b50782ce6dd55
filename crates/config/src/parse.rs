//! How the text of a settings file and overrides become a [`Config`].

use std::collections::BTreeMap;

use crate::settings::{Config, SipTransport};
use crate::table::{self, Effect, Entry};
use crate::{Error, Report, ReportKind, Source, file};

impl Config {
    /// Reads the text of a settings file, then `overrides` (key and value) over it.
    ///
    /// What is odd but harmless is reported in order, and the first wrong value is the error.
    pub fn parse(text: &str, overrides: &[(String, String)]) -> Result<(Self, Vec<Report>), Error> {
        let mut reports = Vec::new();
        let mut given: BTreeMap<&'static str, (Source, String)> = BTreeMap::new();
        let from_file = file::pairs(text)?
            .into_iter()
            .map(|(line, key, value)| (Source::Line(line), key, value));
        let from_overrides = overrides
            .iter()
            .map(|(key, value)| (Source::Override, key.clone(), value.clone()));
        for (source, key, value) in from_file.chain(from_overrides) {
            let Some(entry) = table::entry(&key) else {
                reports.push(Report::unknown(source, &key));
                continue;
            };
            if let Effect::None(reason) = entry.effect {
                reports.push(Report::no_effect(source, entry.name, reason));
            }
            let before = given.insert(entry.name, (source, value.trim().to_owned()));
            if let Some((Source::Line(line), _)) = before
                && matches!(source, Source::Line(_))
            {
                reports.push(Report::repeated(source, entry.name, line));
            }
        }
        let mut config = Self::default();
        for (entry, (source, value)) in table::ENTRIES
            .iter()
            .filter_map(|entry| Some((entry, given.get(entry.name)?)))
        {
            config.apply(entry, *source, value)?;
        }
        config.settle(&given, &mut reports)?;
        Ok((config, reports))
    }

    /// Sets what one key says.
    pub(crate) fn apply(
        &mut self,
        entry: &Entry,
        source: Source,
        value: &str,
    ) -> Result<(), Error> {
        match entry.effect {
            Effect::Set(set) if !value.is_empty() => {
                set(self, value).map_err(|detail| Error::wrong_value(entry, source, value, detail))
            }
            _ => Ok(()),
        }
    }

    /// Applies the rules that join several keys.
    fn settle(
        &mut self,
        given: &BTreeMap<&'static str, (Source, String)>,
        reports: &mut Vec<Report>,
    ) -> Result<(), Error> {
        // The first of these keys that was given is the one to blame.
        let wrong = |keys: [&'static str; 2], detail: String| {
            let blamed = keys
                .into_iter()
                .find_map(|key| Some((table::entry(key)?, given.get(key)?)));
            match blamed {
                Some((entry, (source, value))) => Error::wrong_value(entry, *source, value, detail),
                None => Error::syntax(None, detail),
            }
        };
        if self.media_port_from > 0 && self.media_port_to <= self.media_port_from {
            return Err(wrong(
                ["media_port_to", "media_port_from"],
                format!(
                    "the range {}..{} holds no pair of ports",
                    self.media_port_from, self.media_port_to
                ),
            ));
        }
        if !self.session_expires.is_zero() && self.session_expires < self.min_se {
            return Err(wrong(
                ["session_expires", "min_se"],
                format!(
                    "session_expires is {} and min_se is {}",
                    self.session_expires.as_secs(),
                    self.min_se.as_secs()
                ),
            ));
        }
        match (&self.wss_cert_file, &self.wss_key_file) {
            (Some(_), None) => {
                return Err(wrong(
                    ["wss.cert.file"; 2],
                    "wss.key.file is not set".into(),
                ));
            }
            (None, Some(_)) => {
                return Err(wrong(
                    ["wss.key.file"; 2],
                    "wss.cert.file is not set".into(),
                ));
            }
            _ => {}
        }
        if self.sip_use_tls {
            if self.sip_transport != SipTransport::Tls
                && let Some((source, _)) = given.get("sip_transport")
            {
                reports.push(Report::new(
                    ReportKind::Overruled,
                    *source,
                    "sip_transport",
                    "has no effect: sip_use_tls=true goes before it",
                ));
            }
            self.sip_transport = SipTransport::Tls;
        }
        for advertised in [
            &mut self.sip_advertise,
            &mut self.media_advertise,
            &mut self.webrtc_advertise,
        ] {
            if advertised.is_empty() {
                advertised.clone_from(&self.ip);
            }
        }
        Ok(())
    }
}
