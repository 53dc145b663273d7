//! Firmware files that a driver asked for and did not find, as the kernel's messages name them.

use std::collections::BTreeSet;

/// Names of the files, relative to `/lib/firmware`.
///
/// ```text
/// r8169 0000:01:00.0: Direct firmware load for rtl_nic/rtl8168h-2.fw failed with error -2     Linux
/// r8169 0000:01:00.0: firmware: failed to load rtl_nic/rtl8168h-2.fw (-2)                     Debian's kernel
/// ```
#[must_use]
pub fn missing_firmware(kernel_messages: &str) -> BTreeSet<String> {
    kernel_messages
        .lines()
        .filter_map(|line| {
            let name = match line.split_once("Direct firmware load for ") {
                Some((_, rest)) => rest.split_once(" failed with error -2")?.0,
                None => {
                    line.split_once("firmware: failed to load ")?
                        .1
                        .split_once(" (-2)")?
                        .0
                }
            };
            let plain = !name.is_empty() && name.len() < 200 && name.chars().all(|c| c.is_ascii_graphic());
            plain.then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn missing_files_are_named_once_in_the_words_of_either_kernel() {
        let messages = "a: Direct firmware load for rtl_nic/a.fw failed with error -2\n\
            a: firmware: failed to load rtl_nic/a.fw (-2)\n\
            b: firmware: failed to load bnx2/b.fw (-2)\n\
            c: firmware: direct-loading firmware tigon/c.bin\n\
            d: Direct firmware load for d.fw failed with error -12\n";
        assert_eq!(
            missing_firmware(messages).into_iter().collect::<Vec<_>>(),
            ["bnx2/b.fw", "rtl_nic/a.fw"]
        );
    }

    proptest! {
        #[test]
        fn any_message_is_survived(text in "(?s).{0,300}") {
            let _ = missing_firmware(&text);
        }
    }
}
