//! What people typed, as loaders may show it.

/// One line of ASCII in which no character means anything to grub (between double quotes) or to iPXE (anywhere in a line).
/// Letters of Latin scripts lose their accents; loaders have no font for them.
///
/// iPXE expands `${…}` and takes `#`, `;`, `||` and `&&` as its own; grub's double quotes end at `"` and expand `$`, `` ` ``
/// and `\`. None of these comes through, nor does a line end.
pub(crate) fn loader_text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'A'..='Z' | 'a'..='z' | '0'..='9' => plain.push(character),
            ' ' | '.' | ',' | ':' | '(' | ')' | '-' | '_' | '/' | '+' | '=' | '@' | '!' | '?' | '*' | '%'
            | '\'' => {
                plain.push(character);
            }
            '[' | '{' | '<' | '«' | '‹' => plain.push('('),
            ']' | '}' | '>' | '»' | '›' => plain.push(')'),
            '"' | '`' | '’' | '‘' | '“' | '”' => plain.push('\''),
            '–' | '—' | '‑' | '|' | '~' => plain.push('-'),
            '\\' => plain.push('/'),
            '&' => plain.push('+'),
            '…' => plain.push_str("..."),
            _ if character.is_whitespace() || character.is_control() => plain.push(' '),
            _ => plain.push_str(without_accent(character)),
        }
    }
    // A word that begins with a dash would be an option of iPXE's commands.
    let words: Vec<&str> = plain.split_ascii_whitespace().collect();
    let plain = words.join(" ");
    let plain = plain.trim_start_matches(['-', ' ']);
    if plain.is_empty() {
        "?".to_owned()
    } else {
        plain.to_owned()
    }
}

fn without_accent(character: char) -> &'static str {
    match character {
        'À' | 'Á' | 'Â' | 'Ã' | 'Ä' | 'Å' | 'Ā' => "A",
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ª' => "a",
        'Æ' => "AE",
        'æ' => "ae",
        'Ç' | 'Ć' | 'Č' => "C",
        'ç' | 'ć' | 'č' => "c",
        'È' | 'É' | 'Ê' | 'Ë' | 'Ē' | 'Ę' => "E",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' => "e",
        'Ì' | 'Í' | 'Î' | 'Ï' => "I",
        'ì' | 'í' | 'î' | 'ï' => "i",
        'Ñ' | 'Ń' => "N",
        'ñ' | 'ń' => "n",
        'Ò' | 'Ó' | 'Ô' | 'Õ' | 'Ö' | 'Ø' => "O",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'º' => "o",
        'Œ' => "OE",
        'œ' => "oe",
        'Ù' | 'Ú' | 'Û' | 'Ü' => "U",
        'ù' | 'ú' | 'û' | 'ü' => "u",
        'Ý' | 'Ÿ' => "Y",
        'ý' | 'ÿ' => "y",
        'ß' => "ss",
        'Š' | 'Ś' => "S",
        'š' | 'ś' => "s",
        'Ž' | 'Ź' | 'Ż' => "Z",
        'ž' | 'ź' | 'ż' => "z",
        'Ł' => "L",
        'ł' => "l",
        '°' => "o",
        '€' => "EUR",
        // `$`, `#`, `;`, `^` and whatever no font of a loader has.
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_is_readable_without_its_accents() {
        assert_eq!(
            loader_text("Démarrer l’ordinateur – n° 3 (Œuvre)"),
            "Demarrer l'ordinateur - no 3 (OEuvre)"
        );
        assert_eq!(loader_text("--default x"), "default x");
        assert_eq!(loader_text("- - x"), "x");
        assert_eq!(loader_text("漢字"), "?");
        assert_eq!(loader_text("a\n\"; reboot #${x}`ls`\\"), "a ' reboot (x)'ls'/");
    }
}
