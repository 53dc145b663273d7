//! Work on untrusted bytes in a thread that may do next to nothing.
//!
//! The parsers of partition tables and filesystems need memory and reads of what is already open. A mistake in one of them
//! should not reach further, least of all in the agent, which is the first process of its machine: the thread that parses
//! cannot open, create, connect, start or signal anything, write to any file but standard error, or make memory executable.
//! What it tries is refused by the kernel with "operation not permitted"; the other threads are not touched.

use crate::error::{Error, ErrorKind, Result};
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;

/// What work in a confined thread brought.
pub struct Confined<T> {
    /// Its result.
    pub value: T,
    /// Why the thread was not confined, if the kernel does not know how to.
    pub unconfined: Option<String>,
}

/// Does work in a thread of its own without the privileges it does not need, and waits for it. What the work reads must
/// be open already.
///
/// # Errors
/// [`ErrorKind::Damaged`] if the work panicked: then whatever it read is not to be trusted.
pub fn confined<T: Send>(work: impl FnOnce() -> T + Send) -> Result<Confined<T>> {
    let run = || {
        let unconfined = enter().err();
        Confined {
            value: work(),
            unconfined,
        }
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("parse".into())
            .spawn_scoped(scope, run);
        let thread = thread.map_err(|error| Error::io("starting a thread to look at the disk", error))?;
        thread.join().map_err(|_| {
            Error::new(
                ErrorKind::Damaged,
                "what is on the disk could not be looked at: a reader of its structures failed",
            )
            .with_remedy("keep every byte as it is, and report this")
        })
    })
}

/// Takes the thread's privileges away for good.
fn enter() -> std::result::Result<(), String> {
    let filter = program().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&filter).map_err(|error| error.to_string())
}

/// Calls that are allowed whatever their arguments.
const ALLOWED: &[libc::c_long] = &[
    // Reading what is open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_lseek,
    libc::SYS_fadvise64,
    libc::SYS_readahead,
    libc::SYS_close,
    // Asking how long a file is.
    libc::SYS_fstat,
    libc::SYS_statx,
    // Memory that is not executable; mmap and mprotect have conditions.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads waiting for each other, and the end of this one.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettid,
    libc::SYS_getrandom,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
];

fn program() -> std::result::Result<BpfProgram, seccompiler::BackendError> {
    let argument =
        |index, operator, value| SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value);
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let not_executable = argument(2, SeccompCmpOp::MaskedEq(executable), 0)?;
        rules.insert(call, vec![SeccompRule::new(vec![not_executable])?]);
    }
    // The words of a panic.
    let to_standard_error = argument(0, SeccompCmpOp::Eq, u64::from(libc::STDERR_FILENO.unsigned_abs()))?;
    rules.insert(libc::SYS_write, vec![SeccompRule::new(vec![to_standard_error])?]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(
        rules,
        refused,
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write, net, os::unix::fs::FileExt, process};

    #[test]
    fn a_confined_thread_reads_what_is_open_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let (path, other) = (scratch.path().join("disk"), scratch.path().join("other"));
        fs::write(&path, vec![7; 1 << 20]).unwrap();
        let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let refused = |error: std::io::Error| assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{error}");
        let done = confined(|| {
            let mut bytes = vec![0; 1 << 20];
            file.read_exact_at(&mut bytes, 0).unwrap();
            refused(fs::File::open(&path).unwrap_err());
            refused(fs::write(&other, b"x").unwrap_err());
            refused(fs::remove_file(&path).unwrap_err());
            refused(file.write_all_at(b"x", 0).unwrap_err());
            refused((&file).write(b"x").unwrap_err());
            refused(net::UdpSocket::bind("127.0.0.1:0").unwrap_err());
            refused(process::Command::new("true").spawn().unwrap_err());
            bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>()
        })
        .unwrap();
        assert_eq!((done.value, done.unconfined), (7 << 20, None));
        // The other threads go on as before.
        file.write_all_at(b"x", 0).unwrap();
        fs::write(&other, b"x").unwrap();
    }

    #[test]
    fn a_reader_that_panics_is_an_error_and_not_the_end() {
        let error = confined(|| assert_eq!(std::hint::black_box(1), 2)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Damaged);
    }
}
