//! Texts in addresses (RFC 3986).

/// A text as one part of an address (§2.1): everything but unreserved characters (§2.3) is escaped.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_part_of_an_address() {
        assert_eq!(percent_encoded("a b/é"), "a%20b%2F%C3%A9");
        assert_eq!(
            percent_encoded("salle 12&limit=9#é"),
            "salle%2012%26limit%3D9%23%C3%A9"
        );
        assert_eq!(percent_encoded("-._~"), "-._~");
    }
}
