//! Numbers as people read them.

use crate::screen::{Words, fill};
use protocol::job::{RestoreEstimate, StepResult};
use std::time::Duration;

/// `1.5 GB`: powers of ten, as on the label of a disk.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count;
    let mut unit = 0;
    while value >= 1_000_000 && unit < UNITS.len() - 1 {
        value /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", value / 1000, value % 1000 / 100, UNITS[unit])
}

/// `1:05` minutes, `2:00:00` hours.
#[must_use]
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!(
            "{}:{:02}:{:02} h",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
    }
}

/// What a step brought, in one line of the screen's language.
#[must_use]
pub fn result(result: &StepResult, words: &Words) -> String {
    let mut parts = Vec::new();
    let [used, read, written, sent, memory] = words.figures;
    for (name, count) in [
        (used, result.bytes_used),
        (read, result.bytes_read),
        (written, result.bytes_written),
        (sent, result.bytes_sent),
        (memory, result.bytes_memory),
    ] {
        if count > 0 {
            parts.push(format!("{} {name}", bytes(count)));
        }
    }
    parts.push(format!("{:.1} s", result.seconds));
    parts.join(", ")
}

/// What a restore is going to do, in one line of the screen's language.
#[must_use]
pub fn estimate(estimate: &RestoreEstimate, words: &Words) -> String {
    let values = [
        estimate.bytes_written,
        estimate.bytes_used,
        estimate.bytes_fetched,
    ]
    .map(bytes);
    fill(words.estimate, &values.each_ref().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::{ENGLISH, FRENCH};

    #[test]
    fn an_estimate_is_one_sentence() {
        let expected = RestoreEstimate {
            bytes_used: 31_000_000_000,
            bytes_written: 4_100_000_000,
            bytes_copied: 0,
            bytes_fetched: 1_200_000_000,
        };
        assert_eq!(
            estimate(&expected, &ENGLISH),
            "  4.1 GB of 31.0 GB will be written, 1.2 GB over the wire"
        );
        assert!(estimate(&expected, &FRENCH).contains("4.1 GB sur 31.0 GB"));
    }

    #[test]
    fn sizes_and_times_read_as_on_a_label_and_a_clock() {
        assert_eq!(
            [bytes(0), bytes(999), bytes(1000), bytes(1_550_000_000)],
            ["0 B", "999 B", "1.0 kB", "1.5 GB"]
        );
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
        assert_eq!(time(Duration::from_secs(65)), "1:05 min");
        assert_eq!(time(Duration::from_secs(7200)), "2:00:00 h");
    }
}
