//! The text that LVM2 keeps its metadata in.
//!
//! ```text
//! name = value        value: a number, "text" with \" and \\ , or [value, …]
//! name { … }          a section
//! # …                 a comment, to the end of the line
//! ```
//! Source: lvm2 `libdm/libdm-config.c`; lvm.conf(5).

/// Sections within sections: LVM2 itself needs four.
const DEPTH_MAX: usize = 8;
/// Most names in one text.
const NAMES_MAX: usize = 1 << 19;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
}

/// A section: what is between its braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub values: Vec<(String, Value)>,
    pub sections: Vec<(String, Section)>,
}

impl Section {
    /// Parses a whole text; the error says, in words, what is wrong.
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        // The text ends with a zero byte.
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        let text = std::str::from_utf8(&text[..end]).map_err(|_| "its metadata is no text")?;
        let mut parser = Parser { rest: text, names: 0 };
        let section = parser.section(0)?;
        if parser.rest.is_empty() {
            Ok(section)
        } else {
            Err("its metadata has a brace too many".into())
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<u64, String> {
        match self.value(name) {
            Some(Value::Number(number)) => Ok(*number),
            _ => Err(format!("its metadata does not say {name}")),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        match self.value(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(format!("its metadata does not say {name}")),
        }
    }

    /// A list; a section without it has an empty one.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        match self.value(name) {
            Some(Value::List(values)) => values,
            _ => &[],
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Self> {
        self.sections
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, section)| section)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value)
    }
}

struct Parser<'a> {
    rest: &'a str,
    names: usize,
}

impl<'a> Parser<'a> {
    /// Up to the closing brace, which it leaves, or the end.
    fn section(&mut self, depth: usize) -> Result<Section, String> {
        let mut section = Section::default();
        loop {
            self.skip_blank();
            if self.rest.is_empty() || self.rest.starts_with('}') {
                return Ok(section);
            }
            let name = self.take_while(|letter| letter.is_ascii_alphanumeric() || "-_.+/@".contains(letter));
            self.names += 1;
            if name.is_empty() || self.names > NAMES_MAX {
                return Err("its metadata is not as LVM writes it".into());
            }
            self.skip_blank();
            if self.take('=') {
                section.values.push((name.to_owned(), self.value()?));
            } else if self.take('{') && depth < DEPTH_MAX {
                let inner = self.section(depth + 1)?;
                if !self.take('}') {
                    return Err("a section of its metadata has no end".into());
                }
                section.sections.push((name.to_owned(), inner));
            } else {
                return Err("its metadata is not as LVM writes it".into());
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip_blank();
        if !self.take('[') {
            return self.scalar();
        }
        let mut values = Vec::new();
        loop {
            self.skip_blank();
            if self.take(']') {
                return Ok(Value::List(values));
            }
            values.push(self.scalar()?);
            self.skip_blank();
            if !self.take(',') && !self.rest.starts_with(']') {
                return Err("a list of its metadata has no end".into());
            }
        }
    }

    fn scalar(&mut self) -> Result<Value, String> {
        if !self.take('"') {
            let digits = self.take_while(|letter| letter.is_ascii_digit());
            let number = digits.parse().map_err(|_| "a number of its metadata is none")?;
            return Ok(Value::Number(number));
        }
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Value::Text(text));
                }
                '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
                _ => text.push(letter),
            }
        }
        Err("a text of its metadata has no end".into())
    }

    fn take(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self
            .rest
            .find(|letter| !wanted(letter))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.find('\n').map_or("", |end| &comment[end..]),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_sections_lists_and_comments_are_told_apart() {
        let text = br#"vg0 { # a group
            seqno = 7
            status = ["READ", "a \"b\" \\ c"]
            none = []
            inner { start = 0 } }
            # Generated by LVM2
            contents = "Text Format Volume Group"
            "#;
        let section = Section::parse(text).unwrap();
        let group = section.section("vg0").unwrap();
        assert_eq!(group.number("seqno"), Ok(7));
        assert_eq!(
            group.list("status"),
            [Value::Text("READ".into()), Value::Text("a \"b\" \\ c".into())]
        );
        assert!(group.list("none").is_empty() && group.section("inner").is_some());
        assert_eq!(section.text("contents"), Ok("Text Format Volume Group"));
        for wrong in [
            "a = ",
            "a = \"",
            "a {",
            "a = [1",
            "}",
            "= 3",
            "a = -",
            "a = 99999999999999999999",
        ] {
            assert!(Section::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let deep = "a{".repeat(100_000);
        assert!(Section::parse(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in r#"[a-c0-9={}\[\]"\\#, \n]{0,200}"#, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Section::parse(text.as_bytes());
            let _ = Section::parse(&bytes);
        }
    }
}
