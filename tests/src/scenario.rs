//! The registry: what can be run by name, and how several are run.

use crate::{
    scenarios,
    stage::{Stage, Tools},
};
use anyhow::{Result, anyhow};
use serde::Serialize;
use std::{
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Something that must hold from end to end.
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it proves, in one sentence.
    pub proves: &'static str,
    /// Whether it runs every day; the others only with `--full`.
    pub daily: bool,
    /// The play.
    pub play: fn(&mut Stage) -> Result<()>,
}

/// How a scenario ended.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The scenario.
    pub name: &'static str,
    /// Whether all held.
    pub ok: bool,
    /// Wall time.
    pub seconds: f64,
    /// What did not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Every scenario; the longest first, so that several at a time end together.
pub fn all() -> &'static [Scenario] {
    scenarios::ALL
}

/// Finds one by its name.
///
/// # Errors
/// There is none; the message lists those that are.
pub fn find(name: &str) -> Result<&'static Scenario> {
    all()
        .iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = all().iter().map(|scenario| scenario.name).collect();
            anyhow!("no scenario is called {name:?}; there are: {}", names.join(", "))
        })
}

/// Runs scenarios, `at_once` at a time, and returns their verdicts in the order given.
pub fn run(chosen: &[&'static Scenario], tools: &Tools, at_once: usize) -> Vec<Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts: Mutex<Vec<(usize, Verdict)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, chosen.len().max(1)) {
            scope.spawn(|| {
                while let Some((place, scenario)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    chosen.get(place).map(|scenario| (place, *scenario))
                } {
                    let verdict = run_one(scenario, tools);
                    verdicts
                        .lock()
                        .expect("no holder of this lock can panic")
                        .push((place, verdict));
                }
            });
        }
    });
    let mut verdicts = verdicts.into_inner().expect("no holder of this lock can panic");
    verdicts.sort_by_key(|(place, _)| *place);
    verdicts.into_iter().map(|(_, verdict)| verdict).collect()
}

fn run_one(scenario: &Scenario, tools: &Tools) -> Verdict {
    let begin = Instant::now();
    // A panic is a failure like any other: everything is dropped on its way out.
    let outcome = std::panic::catch_unwind(|| {
        let mut stage = Stage::set(scenario.name, tools)?;
        (scenario.play)(&mut stage)
    })
    .unwrap_or_else(|_| Err(anyhow!("the scenario panicked; its message is above")));
    let seconds = begin.elapsed().as_secs_f64();
    let error = outcome.err().map(|error| format!("{error:#}"));
    match &error {
        None => println!("{seconds:>6.1} s  {}: passed", scenario.name),
        Some(error) => {
            let evidence = Stage::evidence_of(scenario.name, tools);
            println!(
                "{seconds:>6.1} s  {}: FAILED: {error}\n{}",
                scenario.name,
                last_words(&evidence)
            );
        }
    }
    Verdict {
        name: scenario.name,
        ok: error.is_none(),
        seconds,
        error,
    }
}

/// The end of each log, for whoever sees only the output of a failed run.
pub fn last_words(evidence: &Path) -> String {
    const LINES: usize = 30;
    let mut text = format!("evidence: {}\n", evidence.display());
    let mut paths: Vec<_> = fs::read_dir(evidence)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
    {
        let bytes = fs::read(path).unwrap_or_default();
        let log = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = log.lines().collect();
        text.push_str(&format!("--- the end of {}\n", path.display()));
        for line in &lines[lines.len().saturating_sub(LINES)..] {
            text.extend(line.chars().filter(|c| !c.is_control()));
            text.push('\n');
        }
    }
    text
}
