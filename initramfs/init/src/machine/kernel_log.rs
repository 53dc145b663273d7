//! The kernel's messages (`/dev/kmsg`, Linux `Documentation/ABI/testing/dev-kmsg`).
//!
//! ```text
//! 6,339,5140900,-;NET: Registered PF_INET6 protocol family
//! level and facility, number, microseconds since boot, flags; text, control characters as \x0a
//!  SUBSYSTEM=…                                    lines that begin with a space belong to the message
//! ```

use std::{fs::OpenOptions, io::Read, os::unix::fs::OpenOptionsExt};

/// A message is at most this long.
const RECORD_MAX_LEN: usize = 8192;
/// The kernel's ring has fewer.
const RECORDS_MAX: usize = 100_000;

/// All messages that the kernel still has, one a line, with their times.
#[must_use]
pub fn kernel_log() -> String {
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let Ok(mut file) = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open("/dev/kmsg")
    else {
        return String::new();
    };
    let mut log = String::new();
    let mut record = [0u8; RECORD_MAX_LEN];
    for _ in 0..RECORDS_MAX {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                if let Some(line) =
                    format_record(&String::from_utf8_lossy(record.get(..length).unwrap_or_default()))
                {
                    log.push_str(&line);
                    log.push('\n');
                }
            }
            // Overwritten while we read: the next read goes on with the oldest that is left.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Err(_) => break,
        }
    }
    log
}

/// What the kernel says of Secure Boot, if it does: evidence that it is enforced.
#[must_use]
pub fn secure_boot_line(log: &str) -> Option<&str> {
    log.lines()
        .find(|line| line.to_ascii_lowercase().contains("secure boot"))
}

fn format_record(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let microseconds: u64 = head.split(',').nth(2)?.parse().ok()?;
    let text = text.lines().next().unwrap_or_default();
    Some(format!(
        "[{:5}.{:06}] {text}",
        microseconds / 1_000_000,
        microseconds % 1_000_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_is_shown_as_dmesg_shows_it() {
        let record = "6,339,5140900,-;secureboot: Secure boot enabled\n SUBSYSTEM=x\n";
        assert_eq!(
            format_record(record).as_deref(),
            Some("[    5.140900] secureboot: Secure boot enabled")
        );
        assert!(secure_boot_line("[ 1] x\n[ 2] secureboot: Secure boot enabled\n").is_some());
    }

    proptest! {
        #[test]
        fn any_message_is_survived(text in "(?s).{0,100}") {
            let _ = format_record(&text);
        }
    }
}
