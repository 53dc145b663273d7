//! What a module says of itself: the words of its section `.modinfo`.
//!
//! ```text
//! key=value 00  key=value 00 …      zero-terminated, some zeros between them for alignment
//! name=e1000e                       absent in old kernels: then the file's name
//! depends=ptp,mii                   hard dependencies by module name
//! softdep=pre: realtek post: other  soft ones; names or aliases
//! weakdep=other                     may be asked for at run time (since Linux 6.11)
//! alias=pci:v00008086d000010D3…     devices it drives
//! firmware=rtl_nic/rtl8168h-2.fw    files it may ask for
//! ```
//!
//! Source: Linux `include/linux/module.h` and `scripts/mod/modpost.c`; soft dependencies as in `modprobe.d(5)`.

use protocol::module_table::normalise_alias;

/// A module's own words, normalised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleInformation {
    /// Names of modules that it does not load without.
    pub needs: Vec<String>,
    /// Names or aliases to be loaded before it, if there.
    pub before: Vec<String>,
    /// Names or aliases to be loaded after it, if there.
    pub after: Vec<String>,
    /// Names that it may ask for at run time.
    pub weak: Vec<String>,
    /// Patterns of devices that it drives.
    pub aliases: Vec<String>,
    /// Firmware files that it may ask for.
    pub firmware: Vec<String>,
}

impl ModuleInformation {
    /// Reads the words of a `.modinfo` section. Words that are no UTF-8, or unknown, are skipped.
    #[must_use]
    pub fn parse(section: &[u8]) -> Self {
        let mut information = Self::default();
        for word in section.split(|byte| *byte == 0) {
            let Some((key, value)) = std::str::from_utf8(word)
                .ok()
                .and_then(|word| word.split_once('='))
            else {
                continue;
            };
            // A line of the table is a word and its value: what could not be read back is left out.
            if value.is_empty() || value.chars().any(char::is_control) {
                continue;
            }
            match key {
                "depends" => information.needs.extend(names(value, |c| c == ',')),
                "weakdep" => information.weak.extend(names(value, char::is_whitespace)),
                "softdep" => information.add_soft(value),
                "alias" => information.aliases.push(normalise_alias(value)),
                "firmware" if is_relative(value) => information.firmware.push(value.to_owned()),
                _ => {}
            }
        }
        for list in [&mut information.aliases, &mut information.firmware] {
            list.sort_unstable();
            list.dedup();
        }
        information
    }

    fn add_soft(&mut self, value: &str) {
        let mut after = false;
        for word in value.split_whitespace() {
            match word {
                "pre:" => after = false,
                "post:" => after = true,
                // Without a heading, as some modules write it, it is a wish for "before".
                name if after => self.after.push(normalise_alias(name)),
                name => self.before.push(normalise_alias(name)),
            }
        }
    }
}

fn names(value: &str, separator: impl Fn(char) -> bool) -> Vec<String> {
    value
        .split(separator)
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(normalise_alias)
        .collect()
}

/// A firmware name is a path below `/lib/firmware` that stays there.
fn is_relative(name: &str) -> bool {
    !name.starts_with('/')
        && !name
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_modules_words_are_read_and_normalised() {
        let section = b"license=GPL\0\0\0softdep=pre: realtek-phy post: mpls_gso\0firmware=rtl_nic/a.fw\0firmware=../b\0\
            depends=mii,libphy,snd-hda\0alias=pci:v0*\0alias=platform:a-b\0weakdep=one two\0broken";
        let information = ModuleInformation::parse(section);
        assert_eq!(information.needs, ["mii", "libphy", "snd_hda"]);
        assert_eq!(
            (information.before, information.after),
            (vec!["realtek_phy".into()], vec!["mpls_gso".into()])
        );
        assert_eq!(information.weak, ["one", "two"]);
        assert_eq!(information.aliases, ["pci:v0*", "platform:a_b"]);
        assert_eq!(information.firmware, ["rtl_nic/a.fw"]);
    }

    #[test]
    fn a_module_that_needs_nothing_says_so_with_an_empty_word() {
        assert_eq!(
            ModuleInformation::parse(b"depends=\0").needs,
            Vec::<String>::new()
        );
    }

    proptest! {
        #[test]
        fn any_section_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ModuleInformation::parse(&bytes);
        }
    }
}
