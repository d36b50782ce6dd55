//! VP8 picture ids toward a browser: one growing line, whoever makes the pictures.

/// Ids have 15 bits.
const MASK: u16 = 0x7fff;

/// The picture ids one browser is sent (RFC 7741 §4.2).
///
/// TL0PICIDX needs no such care: pictures of ours have none, and a key frame begins it anew.
#[derive(Debug, Clone, Default)]
pub struct PictureIds {
    newest: Option<u16>,
    /// New id minus old id of the present source; None: its next packet begins it.
    shift: Option<u16>,
}

impl PictureIds {
    /// The id of a picture of ours. Whatever source was followed before is left.
    pub fn next_id(&mut self) -> u16 {
        self.shift = None;
        let id = self
            .newest
            .map_or(0, |newest| newest.wrapping_add(1) & MASK);
        self.newest = Some(id);
        id
    }

    /// Gives a packet of the source the id that follows what the browser has seen. A payload without
    /// id stays as it is.
    pub fn rewrite(&mut self, payload: &mut [u8]) {
        let Some((at, mask)) = field(payload) else {
            return;
        };
        let old = match payload[at..] {
            [high, low, ..] if mask == MASK => u16::from_be_bytes([high, low]) & mask,
            [low, ..] => u16::from(low) & mask,
            [] => return,
        };
        let newest = self.newest.unwrap_or_else(|| old.wrapping_sub(1));
        let shift = *self
            .shift
            .get_or_insert_with(|| newest.wrapping_add(1).wrapping_sub(old));
        let new = old.wrapping_add(shift) & mask;
        if mask == MASK {
            payload[at..at + 2].copy_from_slice(&(0x8000 | new).to_be_bytes());
        } else {
            payload[at] = new as u8;
        }
        let ahead = new.wrapping_sub(newest) & mask;
        self.newest = Some(if ahead <= mask / 2 {
            newest.wrapping_add(ahead) & MASK
        } else {
            newest & MASK
        });
    }
}

/// Where the id stands, and its bits: 7 or 15.
fn field(payload: &[u8]) -> Option<(usize, u16)> {
    let [first, extension, id, ..] = *payload else {
        return None;
    };
    if first & 0x80 == 0 || extension & 0x80 == 0 {
        return None;
    }
    let long = id & 0x80 != 0;
    (!long || payload.len() > 3).then_some((2, if long { MASK } else { 0x7f }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ids: &mut PictureIds, payload: &[u8], expected: &[u8]) {
        let mut rewritten = payload.to_vec();
        ids.rewrite(&mut rewritten);
        assert_eq!(rewritten, expected, "{payload:x?}");
    }

    fn long(id: u16) -> Vec<u8> {
        let [high, low] = (0x8000 | id).to_be_bytes();
        vec![0x90, 0x80, high, low, 0x01]
    }

    #[test]
    fn a_source_goes_on_where_ours_ended_and_ours_where_it_ended() {
        let mut ids = PictureIds::default();
        assert_eq!([ids.next_id(), ids.next_id()], [0, 1]);
        check(&mut ids, &long(0x7ffe), &long(2));
        check(&mut ids, &long(0x7ffe), &long(2));
        check(&mut ids, &long(0x0000), &long(4));
        check(&mut ids, &long(0x7fff), &long(3)); // late
        assert_eq!([ids.next_id(), ids.next_id()], [5, 6]);
        check(&mut ids, &long(77), &long(7));
    }

    #[test]
    fn a_source_that_is_first_keeps_its_own() {
        let mut ids = PictureIds::default();
        check(&mut ids, &long(0), &long(0));
        check(&mut ids, &long(0x7fff), &long(0x7fff));
        check(&mut ids, &long(1), &long(1));
        assert_eq!(ids.next_id(), 2);
        let mut ids = PictureIds::default();
        check(&mut ids, &long(0x7fff), &long(0x7fff));
        assert_eq!(ids.next_id(), 0);
    }

    #[test]
    fn ids_of_seven_bits_stay_so() {
        let mut ids = PictureIds::default();
        for _ in 0..200 {
            ids.next_id();
        }
        let short = |id: u8| vec![0x90, 0xf0, id, 9, 9, 0x01];
        check(&mut ids, &short(0x7f), &short(72)); // 200 modulo 128
        check(&mut ids, &short(0x00), &short(73));
        assert_eq!(ids.next_id(), 202);
    }

    #[test]
    fn what_has_no_id_is_let_alone() {
        let mut ids = PictureIds::default();
        ids.next_id();
        for payload in [
            &[0x10, 0x00, 0x00, 0x00][..],
            &[0x90, 0x40, 0x05, 0x00],
            &[0x90, 0x80, 0x85],
            &[0x90, 0x80],
            &[],
        ] {
            check(&mut ids, payload, payload);
        }
        assert_eq!(ids.next_id(), 1);
    }
}
