//! Formats and choices in words, for logs and `explain`.

use crate::description::{Description, Media};
use crate::format::{Encoding, Format};
use crate::plan::{Route, Treatment};

/// Why a codec and its digits were chosen: `opus/48000/2 on both legs: passed through by payload
/// type`.
pub(crate) fn chosen(used: &Route, event: Option<&Route>) -> String {
    let (browser, sip) = (describe(&used.browser), describe(&used.sip));
    let codec = match used.treatment {
        Treatment::Pass if browser == sip => {
            format!("{browser} on both legs: passed through by payload type")
        }
        Treatment::Pass => {
            format!(
                "{browser} to the browser, {sip} to the SIP side: passed through by payload type"
            )
        }
        Treatment::G711Table => format!(
            "{browser} to the browser, {sip} to the SIP side: converted byte by byte, since the \
             two share no other codec"
        ),
    };
    match event {
        None => codec,
        Some(event) if event.browser.clock_hz == event.sip.clock_hz => {
            format!("{codec}; digits as {}", event.sip)
        }
        Some(event) => format!(
            "{codec}; digits as {} to the browser and {} to the SIP side, durations rescaled",
            event.browser, event.sip
        ),
    }
}

/// Formats as a list, `opus/48000/2, PCMU/8000`, each once and without those that only repair
/// others.
pub(crate) fn list(formats: &[Format]) -> String {
    let mut names: Vec<String> = Vec::new();
    for format in formats {
        let named = match &format.encoding {
            Encoding::Other(name) => {
                !["", "rtx", "red", "ulpfec", "flexfec-03"].contains(&name.as_str())
            }
            _ => true,
        };
        let name = describe(format);
        if named && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        "nothing".into()
    } else {
        names.join(", ")
    }
}

/// A format with what matters of its fmtp.
pub(crate) fn describe(format: &Format) -> String {
    match format.encoding {
        Encoding::H264 => {
            let h264 = format.h264();
            format!(
                "{format} ({}, packetization-mode {})",
                h264.profile().name(),
                h264.mode
            )
        }
        _ => format.to_string(),
    }
}

/// The m-lines of a description: `audio refused, image over udptl`.
pub(crate) fn media_list(description: &Description) -> String {
    let short = |text: &str| text.chars().take(24).collect::<String>();
    let line = |media: &Media| match media.rejected() {
        true => format!("{} refused", short(&media.media_name)),
        false => format!("{} over {}", short(&media.media_name), short(&media.proto)),
    };
    let lines: Vec<String> = description.media.iter().take(8).map(line).collect();
    if lines.is_empty() {
        "no media".into()
    } else {
        lines.join(", ")
    }
}
