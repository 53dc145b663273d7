//! Property lists in XML, as far as `NBImageInfo.plist` needs them (Apple, PropertyList-1.0.dtd): dict, array, string,
//! integer, true, false. Anything else is an error, by name.

use std::collections::BTreeMap;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `<dict>`.
    Dictionary(BTreeMap<String, Value>),
    /// `<array>`.
    Array(Vec<Value>),
    /// `<string>`, also `<date>` and `<data>` as they stand.
    Text(String),
    /// `<integer>`.
    Number(i64),
    /// `<true/>` and `<false/>`.
    Flag(bool),
}

/// Why a text is no property list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlistError {
    /// The text ends too soon.
    #[error("the property list ends too soon")]
    Short,
    /// Something that does not belong there.
    #[error("<{0}> does not belong there in a property list")]
    Unexpected(String),
    /// Not a number.
    #[error("{0:?} is no integer")]
    Number(String),
    /// Nested too deep.
    #[error("the property list is nested too deep")]
    Deep,
    /// An entity that XML does not define.
    #[error("&{0}; is not known")]
    Entity(String),
}

const DEEPEST: usize = 16;

/// Reads a property list.
///
/// # Errors
/// See [`PlistError`].
pub fn parse(text: &str) -> Result<Value, PlistError> {
    let mut reader = Reader { rest: text };
    loop {
        let tag = reader.tag()?;
        if tag == "plist" || tag.starts_with("plist ") {
            let first = reader.tag()?;
            return reader.value(first, 0);
        }
        if !tag.starts_with(['?', '!']) {
            return Err(unexpected(tag));
        }
    }
}

impl Value {
    /// What a dictionary has under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(entries) => entries.get(key),
            _ => None,
        }
    }

    /// A text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number, also one that is written as text: some tools do.
    #[must_use]
    pub fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A yes or no.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Number(number) => Some(*number != 0),
            _ => None,
        }
    }

    /// The texts of an array, or one text alone.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Array(values) => values.iter().filter_map(Self::text).collect(),
            Self::Text(text) => vec![text],
            _ => Vec::new(),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// The next tag without its brackets; text before it is skipped, comments too.
    fn tag(&mut self) -> Result<&'a str, PlistError> {
        loop {
            let (_, after) = self.rest.split_once('<').ok_or(PlistError::Short)?;
            if let Some(comment) = after.strip_prefix("!--") {
                let (_, after) = comment.split_once("-->").ok_or(PlistError::Short)?;
                self.rest = after;
                continue;
            }
            let (tag, after) = after.split_once('>').ok_or(PlistError::Short)?;
            self.rest = after;
            return Ok(tag.trim());
        }
    }

    fn text_until(&mut self, end: &str) -> Result<String, PlistError> {
        let (text, after) = self.rest.split_once('<').ok_or(PlistError::Short)?;
        let (tag, after) = after.split_once('>').ok_or(PlistError::Short)?;
        if tag.strip_prefix('/').map(str::trim) != Some(end) {
            return Err(unexpected(tag));
        }
        self.rest = after;
        decode(text)
    }

    fn value(&mut self, tag: &str, depth: usize) -> Result<Value, PlistError> {
        if depth > DEEPEST {
            return Err(PlistError::Deep);
        }
        let name = tag.trim_end_matches('/').trim();
        let is_empty = tag.ends_with('/');
        Ok(match (name, is_empty) {
            ("true", true) => Value::Flag(true),
            ("false", true) => Value::Flag(false),
            ("dict", true) => Value::Dictionary(BTreeMap::new()),
            ("array", true) => Value::Array(Vec::new()),
            ("string", true) => Value::Text(String::new()),
            ("string" | "date" | "data", false) => Value::Text(self.text_until(name)?),
            ("integer", false) => {
                let text = self.text_until(name)?;
                Value::Number(text.trim().parse().map_err(|_| PlistError::Number(text))?)
            }
            ("array", false) => {
                let mut values = Vec::new();
                loop {
                    match self.tag()? {
                        "/array" => break Value::Array(values),
                        tag => values.push(self.value(tag, depth + 1)?),
                    }
                }
            }
            ("dict", false) => {
                let mut entries = BTreeMap::new();
                loop {
                    match self.tag()? {
                        "/dict" => break Value::Dictionary(entries),
                        "key" => {
                            let key = self.text_until("key")?;
                            let tag = self.tag()?;
                            entries.insert(key, self.value(tag, depth + 1)?);
                        }
                        other => return Err(unexpected(other)),
                    }
                }
            }
            _ => return Err(unexpected(tag)),
        })
    }
}

fn unexpected(tag: &str) -> PlistError {
    PlistError::Unexpected(tag.chars().take(40).collect())
}

fn decode(text: &str) -> Result<String, PlistError> {
    let mut pieces = text.split('&');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (entity, after) = piece.split_once(';').ok_or(PlistError::Short)?;
        decoded.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => other
                .strip_prefix("#x")
                .map_or_else(
                    || other.strip_prefix('#')?.parse().ok(),
                    |digits| u32::from_str_radix(digits, 16).ok(),
                )
                .and_then(char::from_u32)
                .ok_or_else(|| PlistError::Entity(other.chars().take(20).collect()))?,
        });
        decoded.push_str(after);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_of_every_kind_is_read() {
        let text = "<?xml version=\"1.0\"?><!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"x\">\n<plist version=\"1.0\">\
            <dict><!-- a comment > --><key>Name</key><string>A &amp; B &#233;</string><key>Index</key><integer> 12 </integer>\
            <key>On</key><true/><key>List</key><array><string>i386</string><string/></array><key>Nothing</key><dict/></dict></plist>";
        let value = parse(text).unwrap();
        assert_eq!(value.get("Name").and_then(Value::text), Some("A & B é"));
        assert_eq!(value.get("Index").and_then(Value::number), Some(12));
        assert_eq!(value.get("On").and_then(Value::flag), Some(true));
        assert_eq!(value.get("List").map(Value::texts), Some(vec!["i386", ""]));
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (text, want) in [
            ("<html>", "<html>"),
            ("<plist><dict><key>a</key></dict></plist>", "</dict>"),
            ("<plist><integer>x</integer></plist>", "\"x\""),
            ("<plist><string>&nbsp;</string></plist>", "&nbsp;"),
            ("<plist><dict>", "too soon"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
        let deep = format!("<plist>{}", "<array>".repeat(100));
        assert_eq!(parse(&deep), Err(PlistError::Deep));
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(<plist>)?(<|>|/|&|;|dict|array|key|string|integer|true| |[a-z0-9]){0,80}") {
            let _ = parse(&text);
        }
    }
}
