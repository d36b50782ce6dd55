//! Just enough STUN (RFC 8489) to route a datagram to its leg before anything is verified.

/// Attribute type of USERNAME (RFC 8489 §14.3).
const USERNAME: u16 = 0x0006;
/// The magic cookie (RFC 8489 §5).
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Our ufrag as named by a STUN request: the part before the colon of USERNAME (RFC 8445 §7.2.2).
///
/// Nothing is verified: this only says which leg to ask whether it accepts the datagram.
/// `None` for anything that is not a well-formed STUN message with a USERNAME.
pub fn username_for_us(datagram: &[u8]) -> Option<&str> {
    let header = datagram.get(..20)?;
    if header[0] >= 2 || header[4..8] != COOKIE {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let mut rest = datagram.get(20..20 + length)?;
    while rest.len() >= 4 {
        let kind = u16::from_be_bytes([rest[0], rest[1]]);
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let value = rest.get(4..4 + length)?;
        if kind == USERNAME {
            let text = std::str::from_utf8(value).ok()?;
            return text.split_once(':').map(|(ours, _)| ours);
        }
        // Attributes are padded to 32 bits (RFC 8489 §14).
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A binding request whose attributes are `software` (odd length, padded) and USERNAME.
    fn request(username: &str) -> Vec<u8> {
        let mut body = vec![0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        body.extend([0, 6]);
        body.extend((username.len() as u16).to_be_bytes());
        body.extend(username.as_bytes());
        while body.len() % 4 != 0 {
            body.push(0);
        }
        let mut datagram = vec![0, 1];
        datagram.extend((body.len() as u16).to_be_bytes());
        datagram.extend(COOKIE);
        datagram.extend([7; 12]);
        datagram.extend(body);
        datagram
    }

    #[test]
    fn the_first_part_is_ours() {
        assert_eq!(username_for_us(&request("ours:theirs")), Some("ours"));
    }

    #[test]
    fn damaged_ones_are_nobodys() {
        let good = request("ours:theirs");
        for cut in 0..good.len() {
            assert_eq!(username_for_us(&good[..cut]), None, "cut at {cut}");
        }
        let mut cookie = good.clone();
        cookie[5] ^= 1;
        assert_eq!(username_for_us(&cookie), None);
        let mut overlong = good.clone();
        overlong[23] = 0xff;
        assert_eq!(username_for_us(&overlong), None);
        assert_eq!(username_for_us(&request("nocolon")), None);
        assert_eq!(username_for_us(&[22, 254, 253, 0, 0]), None);
    }
}
