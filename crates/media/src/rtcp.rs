//! RTCP: SR, RR, SDES, BYE (RFC 3550 §6), PLI (RFC 4585 §6.3.1), FIR (RFC 5104 §4.3.1).
//!
//! Reading is tolerant: a compound ends at the first packet that does not fit, and what stood
//! before it counts. Reduced-size RTCP (RFC 5506) is read, compound is written.

/// One packet of a compound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rtcp {
    /// SR, type 200.
    SenderReport {
        /// Of the reporter.
        ssrc: u32,
        /// What it sent.
        info: SenderInfo,
        /// What it received.
        blocks: Vec<ReportBlock>,
    },
    /// RR, type 201.
    ReceiverReport {
        /// Of the reporter.
        ssrc: u32,
        /// What it received.
        blocks: Vec<ReportBlock>,
    },
    /// SDES, type 202; only the CNAME is read.
    Sdes {
        /// Of the chunk.
        ssrc: u32,
        /// Its CNAME.
        cname: String,
    },
    /// BYE, type 203.
    Bye {
        /// Who leaves.
        ssrcs: Vec<u32>,
    },
    /// Picture loss indication, type 206, format 1.
    Pli {
        /// Who asks.
        sender: u32,
        /// Whose picture.
        media: u32,
    },
    /// Full intra request, type 206, format 4.
    Fir {
        /// Who asks.
        sender: u32,
        /// Whose picture, and the number of the request.
        entries: Vec<(u32, u8)>,
    },
    /// Generic NACK, type 205, format 1; its list is not read.
    Nack {
        /// Who asks.
        sender: u32,
        /// Whose packets.
        media: u32,
    },
    /// Any other type.
    Other {
        /// The packet type.
        packet_type: u8,
        /// Count or format field.
        count: u8,
    },
}

/// The sender part of an SR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// NTP time of the report, 32.32.
    pub ntp: u64,
    /// RTP timestamp of the same moment.
    pub rtp: u32,
    /// Packets since the start.
    pub packets: u32,
    /// Payload octets since the start.
    pub octets: u32,
}

/// A reception report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Of 256, since the last report.
    pub fraction_lost: u8,
    /// Since the start, 24 bits with sign.
    pub lost: i32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// Middle bits of the last SR's NTP time, 0 if none came.
    pub last_sr: u32,
    /// Since that SR, in 1/65536 s.
    pub delay_since_sr: u32,
}

/// Reads a compound; never fails, at worst it is empty.
pub fn parse(mut bytes: &[u8]) -> Vec<Rtcp> {
    let mut packets = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) * 4;
        if head[0] >> 6 != 2 || length > rest.len() {
            break;
        }
        let (mut body, after) = rest.split_at(length);
        bytes = after;
        if head[0] & 0x20 != 0 {
            let padding = body.last().map_or(0, |&last| usize::from(last));
            if padding == 0 || padding > body.len() {
                break;
            }
            body = &body[..body.len() - padding];
        }
        match parse_one(head[1], head[0] & 0x1f, body) {
            Some(packet) => packets.push(packet),
            None => break,
        }
    }
    packets
}

fn parse_one(packet_type: u8, count: u8, body: &[u8]) -> Option<Rtcp> {
    let ssrc = word(body, 0);
    Some(match (packet_type, count) {
        (200, _) => Rtcp::SenderReport {
            ssrc: ssrc?,
            info: SenderInfo {
                ntp: u64::from(word(body, 4)?) << 32 | u64::from(word(body, 8)?),
                rtp: word(body, 12)?,
                packets: word(body, 16)?,
                octets: word(body, 20)?,
            },
            blocks: blocks(body.get(24..)?, count)?,
        },
        (201, _) => Rtcp::ReceiverReport {
            ssrc: ssrc?,
            blocks: blocks(body.get(4..)?, count)?,
        },
        (202, 0) | (203, 0) => Rtcp::Other { packet_type, count },
        (202, _) => Rtcp::Sdes {
            ssrc: ssrc?,
            cname: cname(body.get(4..)?),
        },
        (203, _) => Rtcp::Bye {
            ssrcs: (0..usize::from(count))
                .map(|n| word(body, n * 4))
                .collect::<Option<_>>()?,
        },
        (205, 1) => Rtcp::Nack {
            sender: ssrc?,
            media: word(body, 4)?,
        },
        (206, 1) => Rtcp::Pli {
            sender: ssrc?,
            media: word(body, 4)?,
        },
        (206, 4) => Rtcp::Fir {
            sender: ssrc?,
            entries: body
                .get(8..)?
                .chunks_exact(8)
                .filter_map(|entry| Some((word(entry, 0)?, *entry.get(4)?)))
                .collect(),
        },
        _ => Rtcp::Other { packet_type, count },
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*four))
}

fn blocks(bytes: &[u8], count: u8) -> Option<Vec<ReportBlock>> {
    (0..usize::from(count))
        .map(|n| {
            let block = bytes.get(n * 24..)?;
            let loss = word(block, 4)?;
            Some(ReportBlock {
                ssrc: word(block, 0)?,
                fraction_lost: (loss >> 24) as u8,
                lost: ((loss << 8) as i32) >> 8,
                highest_sequence: word(block, 8)?,
                jitter: word(block, 12)?,
                last_sr: word(block, 16)?,
                delay_since_sr: word(block, 20)?,
            })
        })
        .collect()
}

/// Item 1 of an SDES chunk; empty if there is none.
fn cname(mut items: &[u8]) -> String {
    while let [kind, length, rest @ ..] = items {
        if *kind == 0 {
            break;
        }
        let Some(text) = rest.get(..usize::from(*length)) else {
            break;
        };
        if *kind == 1 {
            return String::from_utf8_lossy(text).into_owned();
        }
        items = &rest[text.len()..];
    }
    String::new()
}

/// Writes a compound. The caller puts an SR or RR first (RFC 3550 §6.1).
pub fn print(packets: &[Rtcp]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for packet in packets {
        print_one(packet, &mut out);
    }
    out
}

fn print_one(packet: &Rtcp, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let (packet_type, count) = match packet {
        Rtcp::SenderReport { ssrc, info, blocks } => {
            put(out, *ssrc);
            put(out, (info.ntp >> 32) as u32);
            put(out, info.ntp as u32);
            put(out, info.rtp);
            put(out, info.packets);
            put(out, info.octets);
            (200, put_blocks(out, blocks))
        }
        Rtcp::ReceiverReport { ssrc, blocks } => {
            put(out, *ssrc);
            (201, put_blocks(out, blocks))
        }
        Rtcp::Sdes { ssrc, cname } => {
            put(out, *ssrc);
            let text = &cname.as_bytes()[..cname.len().min(255)];
            out.extend_from_slice(&[1, text.len() as u8]);
            out.extend_from_slice(text);
            // One to four zero bytes end the chunk on a word.
            out.extend_from_slice(&[0; 4][(out.len() - start) % 4..]);
            (202, 1)
        }
        Rtcp::Bye { ssrcs } => {
            let ssrcs = &ssrcs[..ssrcs.len().min(31)];
            for ssrc in ssrcs {
                put(out, *ssrc);
            }
            (203, ssrcs.len() as u8)
        }
        Rtcp::Pli { sender, media } => {
            put(out, *sender);
            put(out, *media);
            (206, 1)
        }
        Rtcp::Fir { sender, entries } => {
            put(out, *sender);
            // RFC 5104 §4.3.1.2: media source is unused, zero.
            put(out, 0);
            for (ssrc, number) in entries {
                put(out, *ssrc);
                out.extend_from_slice(&[*number, 0, 0, 0]);
            }
            (206, 4)
        }
        Rtcp::Nack { sender, media } => {
            put(out, *sender);
            put(out, *media);
            (205, 1)
        }
        Rtcp::Other { packet_type, count } => (*packet_type, *count & 0x1f),
    };
    let words = ((out.len() - start) / 4 - 1) as u16;
    out[start] = 0x80 | count;
    out[start + 1] = packet_type;
    out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_be_bytes());
}

fn put_blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) -> u8 {
    let blocks = &blocks[..blocks.len().min(31)];
    for block in blocks {
        put(out, block.ssrc);
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        put(out, u32::from(block.fraction_lost) << 24 | lost);
        put(out, block.highest_sequence);
        put(out, block.jitter);
        put(out, block.last_sr);
        put(out, block.delay_since_sr);
    }
    blocks.len() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound() -> Vec<Rtcp> {
        vec![
            Rtcp::SenderReport {
                ssrc: 1,
                info: SenderInfo {
                    ntp: 0x0102_0304_0506_0708,
                    rtp: 9,
                    packets: 10,
                    octets: 11,
                },
                blocks: vec![ReportBlock {
                    ssrc: 2,
                    fraction_lost: 3,
                    lost: -4,
                    highest_sequence: 5,
                    jitter: 6,
                    last_sr: 7,
                    delay_since_sr: 8,
                }],
            },
            Rtcp::Sdes {
                ssrc: 1,
                cname: "ringdown".into(),
            },
            Rtcp::ReceiverReport {
                ssrc: 4,
                blocks: vec![],
            },
            Rtcp::Pli {
                sender: 1,
                media: 2,
            },
            Rtcp::Fir {
                sender: 1,
                entries: vec![(2, 200)],
            },
            Rtcp::Bye { ssrcs: vec![1, 2] },
        ]
    }

    #[test]
    fn what_is_printed_is_parsed() {
        assert_eq!(parse(&print(&compound())), compound());
    }

    #[test]
    fn every_length_of_cname_ends_on_a_word() {
        for length in 0..20 {
            let sdes = Rtcp::Sdes {
                ssrc: 1,
                cname: "x".repeat(length),
            };
            let bytes = print(std::slice::from_ref(&sdes));
            assert_eq!(bytes.len() % 4, 0);
            assert_eq!(bytes.last(), Some(&0), "the chunk ends with a null item");
            assert_eq!(parse(&bytes), [sdes]);
        }
    }

    #[test]
    fn what_stands_before_the_damage_counts() {
        let good = print(&compound());
        let mut bytes = good.clone();
        bytes.extend_from_slice(&[0x81, 206, 0xff, 0xff, 1, 2]);
        assert_eq!(parse(&bytes), compound());
        assert_eq!(parse(&good[..good.len() - 1]), compound()[..5]);
        assert_eq!(parse(&[]), []);
        assert_eq!(parse(&[0x80]), []);
        // CVE-2021-43804 of another stack: a BYE that counts more sources than it has.
        assert_eq!(parse(&[0x9f, 203, 0, 1, 0, 0, 0, 1]), []);
        // Padding longer than the packet.
        assert_eq!(parse(&[0xa0, 201, 0, 1, 0, 0, 0, 9]), []);
    }
}
