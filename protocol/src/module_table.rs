//! The table of kernel modules in the initrd: `packer` writes it, `init` loads modules by it.
//!
//! Text, one word and its values a line; unknown words are skipped, so a newer packer serves an older init.
//!
//! ```text
//! amorce-modules 1 6.1.0-56-amd64      first line: format, its version, the kernel's release
//! module e1000e kernel/drivers/….ko    begins a record: name, path below /lib/modules/RELEASE
//! needs ptp mii                        modules that must be there first (`depends=` in the module)
//! before realtek                       to be loaded first if there (`softdep=pre:`); a name or an alias
//! after mpls_gso                       to be loaded next if there (`softdep=post:`)
//! alias pci:v00008086d000010D3sv*…     devices it drives, as the kernel writes them, with `*`, `?` and `[…]`
//! firmware rtl_nic/rtl8168h-2.fw       a file it may ask for
//! ```
//!
//! Names and aliases are kept as [`normalise_alias`] leaves them: the kernel does not tell `-` from `_`.

use std::fmt;

/// What the table is called in the initrd.
pub const MODULE_TABLE_PATH: &str = "/lib/modules/amorce.table";

/// First words of a table of this version.
const HEADER: &str = "amorce-modules 1 ";

/// All modules of an initrd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleTable {
    /// The kernel's release, which is the name of the folder that they are in.
    pub kernel_release: String,
    /// One record for each module.
    pub modules: Vec<ModuleRecord>,
}

/// One kernel module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleRecord {
    /// Its name, normalised.
    pub name: String,
    /// Its file, relative to the release's folder.
    pub path: String,
    /// Modules that must be loaded before it, or it does not load.
    pub needs: Vec<String>,
    /// Modules or aliases that should be loaded before it, if they are there.
    pub before: Vec<String>,
    /// Modules or aliases that should be loaded after it, if they are there.
    pub after: Vec<String>,
    /// Patterns of devices that it drives.
    pub aliases: Vec<String>,
    /// Firmware files that it may ask for, relative to `/lib/firmware`.
    pub firmware: Vec<String>,
}

/// A table that cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModuleTableError {
    /// The first line is not one of ours.
    #[error("not a module table of version 1; was this initrd packed by another version of amorce?")]
    Header,
    /// A line is out of place or lacks a value.
    #[error("line {0} of the module table is malformed")]
    Line(usize),
}

impl ModuleTable {
    /// Reads a table.
    ///
    /// # Errors
    /// The first line is not ours, or another is out of place.
    pub fn parse(text: &str) -> Result<Self, ModuleTableError> {
        let mut lines = text.lines().enumerate();
        let release = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix(HEADER))
            .map(str::trim);
        let kernel_release = release
            .filter(|text| !text.is_empty())
            .ok_or(ModuleTableError::Header)?;
        let mut modules: Vec<ModuleRecord> = Vec::new();
        for (index, line) in lines {
            let malformed = ModuleTableError::Line(index + 1);
            let Some((word, value)) = line.split_once(' ') else {
                if line.is_empty() {
                    continue;
                }
                return Err(malformed);
            };
            if word == "module" {
                let (name, path) = value.split_once(' ').ok_or(malformed)?;
                modules.push(ModuleRecord {
                    name: name.into(),
                    path: path.into(),
                    ..Default::default()
                });
                continue;
            }
            let record = modules.last_mut().ok_or(malformed)?;
            let names = || value.split_ascii_whitespace().map(str::to_owned);
            match word {
                "needs" => record.needs.extend(names()),
                "before" => record.before.extend(names()),
                "after" => record.after.extend(names()),
                "alias" => record.aliases.push(value.to_owned()),
                "firmware" => record.firmware.push(value.to_owned()),
                _ => {}
            }
        }
        Ok(Self {
            kernel_release: kernel_release.to_owned(),
            modules,
        })
    }
}

impl fmt::Display for ModuleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}{}", self.kernel_release)?;
        for module in &self.modules {
            writeln!(f, "module {} {}", module.name, module.path)?;
            for (word, names) in [
                ("needs", &module.needs),
                ("before", &module.before),
                ("after", &module.after),
            ] {
                if !names.is_empty() {
                    writeln!(f, "{word} {}", names.join(" "))?;
                }
            }
            for alias in &module.aliases {
                writeln!(f, "alias {alias}")?;
            }
            for file in &module.firmware {
                writeln!(f, "firmware {file}")?;
            }
        }
        Ok(())
    }
}

/// A module's name or alias with every `-` outside brackets as `_`, which the kernel takes for the same.
#[must_use]
pub fn normalise_alias(text: &str) -> String {
    let mut bracketed = false;
    text.chars()
        .map(|character| {
            match character {
                '[' => bracketed = true,
                ']' => bracketed = false,
                '-' if !bracketed => return '_',
                _ => {}
            }
            character
        })
        .collect()
}

/// Whether a device's alias is one that the pattern means. `*` is any text, `?` any character, `[a-f1]` one of a set.
///
/// Time is bounded by the product of both lengths: on a mismatch only the last `*` is tried again.
#[must_use]
pub fn alias_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, and how much text that star has taken.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        match match_one(&pattern[p..], text[t]) {
            Some(length) => {
                p += length;
                t += 1;
            }
            None => match retry {
                Some((after_star, taken)) => {
                    retry = Some((after_star, taken + 1));
                    (p, t) = (after_star, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Length of the pattern's first element if it means this byte.
fn match_one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => {
            let end = pattern.iter().position(|byte| *byte == b']')?;
            let set = &pattern[1..end];
            let (negated, set) = match set.first() {
                Some(b'!' | b'^') => (true, &set[1..]),
                _ => (false, set),
            };
            (set_contains(set, byte) != negated).then_some(end + 1)
        }
        literal => (literal == byte).then_some(1),
    }
}

fn set_contains(mut set: &[u8], byte: u8) -> bool {
    loop {
        match set {
            [first, b'-', last, rest @ ..] => {
                if (*first..=*last).contains(&byte) {
                    return true;
                }
                set = rest;
            }
            [one, rest @ ..] => {
                if *one == byte {
                    return true;
                }
                set = rest;
            }
            [] => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_packer_writes_the_init_reads() {
        let table = ModuleTable {
            kernel_release: "6.1.0-56-amd64".into(),
            modules: vec![
                ModuleRecord {
                    name: "mii".into(),
                    path: "kernel/drivers/net/mii.ko".into(),
                    ..Default::default()
                },
                ModuleRecord {
                    name: "r8169".into(),
                    path: "kernel/drivers/net/ethernet/realtek/r8169.ko".into(),
                    needs: vec!["mii".into()],
                    before: vec!["realtek".into()],
                    after: vec!["other".into()],
                    aliases: vec!["pci:v00001259d0000C107sv*sd*bc*sc*i*".into()],
                    firmware: vec!["rtl_nic/rtl8168h-2.fw".into()],
                },
            ],
        };
        assert_eq!(ModuleTable::parse(&table.to_string()), Ok(table));
    }

    #[test]
    fn a_table_of_another_kind_is_refused_by_name_and_line() {
        assert_eq!(ModuleTable::parse(""), Err(ModuleTableError::Header));
        assert_eq!(
            ModuleTable::parse("amorce-modules 2 6.1"),
            Err(ModuleTableError::Header)
        );
        assert_eq!(
            ModuleTable::parse("amorce-modules 1 6.1\nalias x"),
            Err(ModuleTableError::Line(2))
        );
        assert!(ModuleTable::parse("amorce-modules 1 6.1\nmodule a b\nnewer word\n").is_ok());
    }

    #[test]
    fn patterns_mean_the_devices_that_the_kernel_means() {
        let e1000 = "pci:v00008086d0000100Esv*sd*bc*sc*i*";
        assert!(alias_matches(
            e1000,
            "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00"
        ));
        assert!(!alias_matches(
            e1000,
            "pci:v00008086d0000100Fsv00001AF4sd00001100bc02sc00i00"
        ));
        assert!(alias_matches(
            "usb:v0BDAp8153d*dc*dsc*dp*icFFiscFFip*in*",
            "usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00"
        ));
        assert!(alias_matches(
            "mdio:0000000000011100110010??????????",
            "mdio:00000000000111001100101001010110"
        ));
        assert!(alias_matches("a[!b]c", "axc") && !alias_matches("a[!b]c", "abc"));
        assert!(alias_matches("*", "") && alias_matches("a*", "a") && !alias_matches("", "a"));
        assert!(!alias_matches("[", "[") && !alias_matches("a[b", "ab"));
    }

    #[test]
    fn dashes_become_underscores_except_within_brackets() {
        assert_eq!(
            normalise_alias("platform:rtsx-pci-[a-f]-x"),
            "platform:rtsx_pci_[a-f]_x"
        );
    }

    proptest! {
        #[test]
        fn any_table_any_pattern_and_any_alias_are_survived(text in "(?s).{0,300}", pattern in "[a*?\\[\\]-]{0,30}", alias in "[a-c*-]{0,30}") {
            let _ = ModuleTable::parse(&text);
            let _ = ModuleTable::parse(&format!("amorce-modules 1 k\n{text}"));
            let _ = alias_matches(&pattern, &alias);
            let _ = normalise_alias(&text);
        }
    }
}
