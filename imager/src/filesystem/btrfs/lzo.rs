//! LZO1X: literal bytes and copies of what came before.
//!
//! ```text
//! The first byte: 18 … 255 are that minus 17 literals. Then instructions; "state" is how many literals the last one
//! brought, 4 for a run of them. L and others of 0 mean: this plus 255 for each zero byte that follows plus the byte after.
//!
//! 0000LLLL  state 0     3 + (L or 15 …) literals
//! 0000DDSS  state 1–3   H byte; copies 2 from (H << 2) + D + 1 back
//! 0000DDSS  state 4     H byte; copies 3 from (H << 2) + D + 2049 back
//! 0001HLLL              D u16 >> 2; copies 2 + (L or 7 …) from 16384 + (H << 14) + D back; exactly 16384: the end
//! 001LLLLL              D u16 >> 2; copies 2 + (L or 31 …) from D + 1 back
//! 01LDDDSS              H byte; copies 3 + L from (H << 3) + D + 1 back
//! 1LLDDDSS              H byte; copies 5 + L from (H << 3) + D + 1 back
//!
//! SS literals follow each copy; of those with a u16, SS is its lowest two bits.
//! ```
//! Source: Linux `Documentation/staging/lzo.rst`.

/// Unpacks one piece to the end of `target`, at most `limit` bytes. Copies reach no further back than to its beginning.
pub(super) fn unpack(packed: &[u8], limit: usize, target: &mut Vec<u8>) -> Result<(), String> {
    let mut unpacking = Unpacking {
        packed,
        start: target.len(),
        limit,
        target,
    };
    unpacking.run()
}

struct Unpacking<'a> {
    packed: &'a [u8],
    start: usize,
    limit: usize,
    target: &'a mut Vec<u8>,
}

impl Unpacking<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut state = 0;
        if let Some(first @ 18..) = self.packed.first().copied() {
            self.packed = &self.packed[1..];
            let count = usize::from(first) - 17;
            self.literals(count)?;
            state = count.min(4);
        }
        loop {
            let instruction = self.byte()?;
            let low = usize::from(instruction);
            let (length, distance, following) = match instruction {
                0..16 if state == 0 => {
                    let length = 3 + self.length(low & 15, 15)?;
                    self.literals(length)?;
                    state = 4;
                    continue;
                }
                0..16 => {
                    let distance = (usize::from(self.byte()?) << 2) + (low >> 2 & 3);
                    match state {
                        4 => (3, distance + 2049, low & 3),
                        _ => (2, distance + 1, low & 3),
                    }
                }
                16..32 => {
                    let length = 2 + self.length(low & 7, 7)?;
                    let word = self.word()?;
                    let distance = 16_384 + ((low >> 3 & 1) << 14) + (word >> 2);
                    if distance == 16_384 {
                        return Ok(());
                    }
                    (length, distance, word & 3)
                }
                32..64 => {
                    let length = 2 + self.length(low & 31, 31)?;
                    let word = self.word()?;
                    (length, (word >> 2) + 1, word & 3)
                }
                64..128 => {
                    let distance = (usize::from(self.byte()?) << 3) + (low >> 2 & 7) + 1;
                    (3 + (low >> 5 & 1), distance, low & 3)
                }
                128.. => {
                    let distance = (usize::from(self.byte()?) << 3) + (low >> 2 & 7) + 1;
                    (5 + (low >> 5 & 3), distance, low & 3)
                }
            };
            self.copy(length, distance)?;
            self.literals(following)?;
            state = following;
        }
    }

    fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.packed.split_first().ok_or("it ends early")?;
        self.packed = rest;
        Ok(*first)
    }

    fn word(&mut self) -> Result<usize, String> {
        Ok(usize::from(self.byte()?) | usize::from(self.byte()?) << 8)
    }

    /// A length that 0 continues.
    fn length(&mut self, short: usize, base: usize) -> Result<usize, String> {
        if short != 0 {
            return Ok(short);
        }
        let mut length = base;
        loop {
            let byte = self.byte()?;
            length += if byte == 0 { 255 } else { usize::from(byte) };
            if byte != 0 {
                return Ok(length);
            }
            if length > self.limit {
                return Err("it is too long".into());
            }
        }
    }

    fn has_room(&self, count: usize) -> Result<(), String> {
        let made = self.target.len() - self.start;
        match made + count > self.limit {
            true => Err("it is too long".into()),
            false => Ok(()),
        }
    }

    fn literals(&mut self, count: usize) -> Result<(), String> {
        self.has_room(count)?;
        let bytes = self.packed.get(..count).ok_or("it ends early")?;
        self.target.extend_from_slice(bytes);
        self.packed = &self.packed[count..];
        Ok(())
    }

    fn copy(&mut self, count: usize, distance: usize) -> Result<(), String> {
        self.has_room(count)?;
        let from = self
            .target
            .len()
            .checked_sub(distance)
            .filter(|from| *from >= self.start)
            .ok_or("a copy from before its beginning")?;
        // It may overlap what it makes.
        for at in from..from + count {
            self.target.push(self.target[at]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_are_put_together() {
        // Three literals; two from 3 back, none behind; the end.
        let packed = [20, b'a', b'b', b'c', 0x40 | 2 << 2, 0, 17, 0, 0];
        let mut target = b"x".to_vec();
        unpack(&packed, 100, &mut target).unwrap();
        assert_eq!(target, b"xabcabc");
    }

    #[test]
    fn what_leaves_its_bounds_is_refused() {
        let mut target = b"secret".to_vec();
        // A copy from in front of the piece.
        assert!(unpack(&[18, b'a', 0x40 | 7 << 2, 0, 17, 0, 0], 100, &mut target).is_err());
        assert!(unpack(&[22, b'a', b'b', b'c', b'd', b'e', 17, 0, 0], 4, &mut Vec::new()).is_err());
        assert!(unpack(&[0, 0, 0, 0, 0, 0], 100, &mut Vec::new()).is_err());
        assert!(unpack(&[], 100, &mut Vec::new()).is_err());
    }
}
