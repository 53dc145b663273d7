//! How much memory this process has used (`/proc/self/status`, `proc_pid_status(5)`).
//!
//! ```text
//! VmHWM:     12345 kB      the most that was ever resident
//! ```

/// The most memory that this process ever used, in bytes; 0 if the kernel does not tell.
#[must_use]
pub fn peak_memory() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |text| read_peak(&text))
}

fn read_peak(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_peak_is_the_kernels_high_water_mark_in_bytes() {
        assert_eq!(
            read_peak("VmPeak:\t 9 kB\nVmHWM:\t   12345 kB\nVmRSS:\t 7 kB\n"),
            12345 * 1024
        );
        assert!(
            peak_memory() > 100_000,
            "a running program has touched some memory"
        );
    }

    proptest! {
        #[test]
        fn any_status_is_survived(text in "(?s)(VmHWM:)?.{0,60}") {
            let _ = read_peak(&text);
        }
    }
}
