//! Programs that the lab starts: none outlives it, and none fails without a word.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{SigSet, Signal};
use std::{
    ffi::OsStr,
    fs::File,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// Runs a program to its end and returns its standard output.
///
/// # Errors
/// It cannot be started or ends with another code than 0; the message carries what it wrote on standard error.
pub fn run(command: &mut Command) -> Result<String> {
    let output = finish(command)?;
    ensure!(
        output.status.success(),
        "{} ended with {}: {}",
        shown(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end, however it ends.
///
/// # Errors
/// It cannot be started.
pub fn finish(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))
}

/// A command from words.
pub fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(words: I) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("a command has at least its program's name"));
    command.args(words);
    command
}

/// A program in the background, killed when this value is dropped and also when the lab itself is killed.
pub struct Process {
    child: Child,
    name: String,
}

impl Process {
    /// Starts `command` with both outputs in the file `log` (appended).
    ///
    /// # Errors
    /// The log cannot be written or the program cannot be started.
    pub fn start(name: &str, command: &Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        // A program inherits the mask of the thread that starts it, and could not be asked to stop.
        let signals = ending_signals();
        let unblocked = signals.thread_unblock();
        // setpriv arms the kernel's parent-death signal, so that nothing stays behind even after `kill -9` of the lab.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(command.get_program())
            .args(command.get_args())
            .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("cannot share a log file")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"));
        unblocked
            .and_then(|()| signals.thread_block())
            .context("cannot block SIGINT")?;
        let child = child?;
        Ok(Self {
            child,
            name: name.to_owned(),
        })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without asking (`kill -9`).
    pub fn kill(&mut self) {
        // It may have ended by itself: then there is nothing left to kill, and wait only collects it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Errors
    /// It has not ended after `limit`, or not with code 0.
    pub fn stop(&mut self, limit: Duration) -> Result<()> {
        let id =
            nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).context("process id out of range")?);
        nix::sys::signal::kill(id, Signal::SIGTERM)
            .with_context(|| format!("cannot ask {} to stop", self.name))?;
        let name = self.name.clone();
        wait_until(&format!("{name} stops"), limit, || Ok(self.child.try_wait()?)).and_then(|status| {
            ensure!(status.success(), "{name} stopped with {status}");
            Ok(())
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until `condition` brings a value. `what` completes the sentence "timed out waiting until …".
///
/// # Errors
/// The condition fails, `limit` has passed, or a person has interrupted the lab.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    const LOOK_AGAIN: Duration = Duration::from_millis(100);
    let begin = Instant::now();
    loop {
        if let Some(value) = condition().with_context(|| format!("while waiting until {what}"))? {
            return Ok(value);
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            bail!("interrupted while waiting until {what}");
        }
        if begin.elapsed() > limit {
            bail!("timed out after {} s waiting until {what}", limit.as_secs());
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// Set once a person has asked the lab to end.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether a person has asked the lab to end.
pub fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Turns the first SIGINT or SIGTERM into an orderly end: whatever waits gives up and cleans up behind itself.
/// To be called before any thread is started; programs that the lab starts in the background see the signals as usual.
///
/// # Errors
/// The kernel refuses to block the signals.
pub fn end_orderly_on_signals() -> Result<()> {
    let signals = ending_signals();
    signals.thread_block().context("cannot block SIGINT")?;
    std::thread::spawn(move || {
        while signals.wait().is_ok() {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("lab: ending; everything is cleaned up (once more to end at once)");
        }
    });
    Ok(())
}

fn ending_signals() -> SigSet {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    signals
}

fn shown(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for word in command.get_args() {
        text.push(' ');
        text.push_str(&word.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_program_is_reported_with_its_own_words() {
        let error = run(&mut command(["sh", "-c", "echo no such thing >&2; exit 4"]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no such thing") && error.contains('4'), "{error}");
    }

    #[test]
    fn a_condition_that_never_comes_ends_with_its_name() {
        let error = wait_until("pigs fly", Duration::from_millis(1), || Ok(None::<()>))
            .unwrap_err()
            .to_string();
        assert!(error.contains("pigs fly"), "{error}");
    }
}
