//! Text kept in files under `/run/amorce`, cut at the beginning so that it never fills the memory.

use crate::process::run_folder;
use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

/// Bytes at which a file is cut to half.
const FULL: u64 = 256 * 1024;

/// Appends a line with the time since the kernel started.
pub fn append(name: &str, line: &str) {
    append_at(&run_folder::path(name), line, since_boot());
}

/// The last `limit` bytes, from the beginning of a line.
pub fn read_end(name: &str, limit: usize) -> String {
    read_end_at(&run_folder::path(name), limit)
}

fn append_at(path: &PathBuf, line: &str, since_boot: Duration) {
    // Threads of one process take turns; process 1 and the agent each append whole lines.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock();
    if path.metadata().is_ok_and(|metadata| metadata.len() > FULL) {
        let rest = read_end_at(path, usize::try_from(FULL / 2).unwrap_or(0));
        let _ = std::fs::write(path, rest);
    }
    if let Ok(mut file) = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
    {
        let text = format!("[{:9.3}] {line}\n", since_boot.as_secs_f64());
        let _ = file.write_all(text.as_bytes());
    }
}

fn read_end_at(path: &Path, limit: usize) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    cut_beginning(&String::from_utf8_lossy(&bytes), limit).to_owned()
}

/// The end of a text, at most `limit` bytes, beginning with a whole line if it had to be cut.
pub fn cut_beginning(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut start = text.len() - limit;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let end = &text[start..];
    end.split_once('\n').map_or(end, |(_, lines)| lines)
}

fn since_boot() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_text_never_grows_beyond_its_limit_and_keeps_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for number in 0..20_000 {
            append_at(
                &path,
                &format!("line {number} with some words"),
                Duration::from_millis(number),
            );
        }
        assert!(path.metadata().unwrap().len() <= FULL + 100);
        let end = read_end_at(&path, 100);
        assert!(
            end.starts_with('[') && end.ends_with("line 19999 with some words\n"),
            "{end}"
        );
    }

    #[test]
    fn a_cut_text_begins_with_a_whole_line_and_a_whole_character() {
        assert_eq!(cut_beginning("one\ntwo\nthree\n", 10), "three\n");
        assert_eq!(cut_beginning("éééé", 3), "é");
    }
}
