//! What a person typed, on a keyboard that the kernel takes for an American one.

use protocol::menu::Keyboard;

/// A line as it is typed: nothing of it is shown.
#[derive(Debug, Default)]
pub struct TypedLine(String);

/// What a byte did to the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    /// It goes on.
    Going,
    /// Enter: this is it.
    Line(String),
    /// Esc.
    Left,
}

/// Longest line.
const CHARACTERS_MAX: usize = 128;

impl TypedLine {
    /// Takes one read of a console. A terminal on the serial line sends characters; the machine's own keyboard sends keys,
    /// which `keyboard` names.
    pub fn take(&mut self, bytes: &[u8], keyboard: Option<Keyboard>) -> Typed {
        // Esc alone; with more behind it, it is an arrow or a function key.
        if bytes == [0x1b] {
            self.0.clear();
            return Typed::Left;
        }
        if bytes.first() == Some(&0x1b) {
            return Typed::Going;
        }
        for byte in bytes {
            match byte {
                b'\r' | b'\n' => return Typed::Line(std::mem::take(&mut self.0)),
                0x08 | 0x7f => {
                    self.0.pop();
                }
                0x15 => self.0.clear(),
                b' '..=b'~' if self.0.chars().count() < CHARACTERS_MAX => {
                    let character = char::from(*byte);
                    self.0.push(match keyboard {
                        Some(Keyboard::Fr) => french(character),
                        Some(Keyboard::Us) | None => character,
                    });
                }
                _ => {}
            }
        }
        Typed::Going
    }
}

/// The character on a French keyboard, at the key where an American one has this.
fn french(character: char) -> char {
    const AMERICAN: &str = "1234567890-[]qwa;'\\zm,./!@#$%^&*()_{}QWA:\"|ZM<>?";
    const FRENCH: &str = "&é\"'(-è_çà)^$azqmù*w,;:!1234567890°¨£AZQM%µW?./§";
    AMERICAN
        .chars()
        .zip(FRENCH.chars())
        .find(|(american, _)| *american == character)
        .map_or(character, |(_, french)| french)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_keys_are_other_letters_on_a_french_keyboard() {
        let typed = |keys: &[u8], keyboard| {
            let mut line = TypedLine::default();
            assert_eq!(line.take(keys, keyboard), Typed::Going);
            match line.take(b"\r", keyboard) {
                Typed::Line(line) => line,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(typed(b"q;ch Awerty !@3", Some(Keyboard::Fr)), "amch Qzerty 12\"");
        assert_eq!(typed(b"amch", Some(Keyboard::Us)), "amch");
        assert_eq!(typed(b"amch", None), "amch");
        assert_eq!(typed(b"abc\x7f\x08d", None), "ad");
    }

    #[test]
    fn escape_leaves_and_other_keys_do_not() {
        let mut line = TypedLine::default();
        assert_eq!(line.take(b"\x1b[A", None), Typed::Going);
        assert_eq!(line.take(b"ab", None), Typed::Going);
        assert_eq!(line.take(b"\x1b", None), Typed::Left);
        assert_eq!(line.take(b"\n", None), Typed::Line(String::new()));
    }

    #[test]
    fn every_character_that_a_password_may_have_can_be_typed_on_both() {
        let keys: Vec<char> = (' '..='~').collect();
        let french: std::collections::BTreeSet<char> = keys.iter().map(|key| french(*key)).collect();
        for character in ('a'..='z')
            .chain('A'..='Z')
            .chain('0'..='9')
            .chain(" !$%&'()*,-./:;?_".chars())
        {
            assert!(french.contains(&character), "{character:?}");
        }
    }
}
