//! `test`: everything that must hold, part by part, summed up at the end.

use crate::{
    fuzz, lab,
    node::Node,
    place::Places,
    product::{self, cargo},
    run::follow,
};
use anyhow::Result;
use std::{process::Command, time::Instant};

/// Runs every check, also after a failure, and tells whether all passed.
///
/// # Errors
/// A check cannot even be started.
pub fn run(places: &Places, node: &Node, full: bool) -> Result<bool> {
    let mut sum = Sum::default();
    let page = places.checkout.join("webui");
    // The page goes into the programs, so it comes first.
    let built = sum.step("page: build", || product::build_page(places, node));
    sum.command(
        "page: types, lint, texts, units",
        node.npm(&page).args(["run", "--silent", "check"]),
    )?;
    sum.command(
        "page: in a browser, on a pretended appliance",
        node.npm(&page).args(["run", "--silent", "e2e"]),
    )?;
    sum.command("format", &mut cargo(places, &["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    sum.command("lints", &mut cargo(places, &clippy))?;
    // Doc tests are part of it.
    sum.command(
        "unit and property tests",
        // Every filesystem of the generated matrix, not only those of every day.
        cargo(places, &["test", "--workspace", "--no-fail-fast"])
            .env("AMORCE_MATRIX", if full { "full" } else { "daily" }),
    )?;
    // A second each; `--full` gives them a minute.
    let seconds = if full { 60 } else { 1 };
    sum.step("parsers against arbitrary bytes", || {
        fuzz::run_targets(places, None, seconds, false)
    });
    let ready = built
        && sum.step("programs: build", || product::build_programs(places))
        && sum.step("agent: size", || product::check_agent_size(places))
        && sum.step("boot files: build", || product::build_boot_files(places));
    if ready {
        let mut scenarios = lab::command(places, node);
        // Two at a time: machines wait for firmware time-outs more than they compute.
        scenarios.args(["run", "--at-once", "2"]);
        if full {
            scenarios.arg("--full");
        }
        sum.command("scenarios", &mut scenarios)?;
        // Once each and small, so that no measurement rots.
        for name in [
            "capture",
            "recapture",
            "second-master",
            "restore",
            "delta",
            "memory",
            "scale",
            "boot",
        ] {
            let mut bench = lab::command(places, node);
            bench.args(["bench", name, "--small", "--times", "1"]);
            sum.command(&format!("bench: {name}"), &mut bench)?;
        }
    } else {
        sum.fail("scenarios: not run, as their programs were not built");
    }
    Ok(sum.close())
}

/// What passed and what failed so far.
#[derive(Default)]
struct Sum {
    passed: u64,
    failed: u64,
    lines: Vec<String>,
}

impl Sum {
    /// A check that is one function.
    fn step(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        println!("\n=== {name}");
        let begin = Instant::now();
        let outcome = check();
        if let Err(error) = &outcome {
            println!("{error:#}");
        }
        self.add(name, begin, outcome.is_ok(), Counts::default());
        outcome.is_ok()
    }

    /// A check that is a program. The tests that it counts are counted here too.
    fn command(&mut self, name: &str, command: &mut Command) -> Result<()> {
        println!("\n=== {name}");
        let begin = Instant::now();
        let mut counts = Counts::default();
        let ok = follow(command, |line| counts.add(line))?;
        self.add(name, begin, ok, counts);
        Ok(())
    }

    fn add(&mut self, name: &str, begin: Instant, ok: bool, counts: Counts) {
        self.passed += counts.passed;
        self.failed += counts.failed;
        // A program that counts nothing, or that failed without a failed test, counts as one.
        match (ok, counts.failed) {
            (true, _) if counts.passed == 0 => self.passed += 1,
            (false, 0) => self.failed += 1,
            _ => {}
        }
        let verdict = if ok { "ok" } else { "FAILED" };
        self.lines.push(format!(
            "{:>8.1} s  {verdict:<6}  {name}",
            begin.elapsed().as_secs_f64()
        ));
    }

    fn fail(&mut self, why: &str) {
        self.failed += 1;
        self.lines.push(format!("{:>8} s  {:<6}  {why}", "-", "FAILED"));
    }

    fn close(self) -> bool {
        println!("\n{}", self.lines.join("\n"));
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// Tests as counted by the programs that run them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

impl Counts {
    /// Understands cargo's `test result: ok. 3 passed; 0 failed; …` and the lab's `3 passed, 0 failed`.
    fn add(&mut self, line: &str) {
        let line = line.trim();
        let counted = match line.strip_prefix("test result: ") {
            Some(rest) => rest.split_once(". ").map_or(rest, |(_, counts)| counts),
            None => line,
        };
        let number = |word: &str| {
            counted
                .split([',', ';'])
                .find_map(|part| part.trim().strip_suffix(word)?.trim().parse::<u64>().ok())
        };
        if let (Some(passed), Some(failed)) = (number(" passed"), number(" failed")) {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_test_programs_are_counted_and_others_are_not() {
        let mut counts = Counts::default();
        counts.add(
            "test result: ok. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        counts.add("12 passed, 2 failed");
        counts.add("     2.0 s  roundtrip: passed");
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                failed: 3
            }
        );
    }

    #[test]
    fn a_part_that_fails_without_counting_still_fails_the_sum() {
        let mut sum = Sum::default();
        sum.add("format", Instant::now(), false, Counts::default());
        sum.add("units", Instant::now(), true, Counts { passed: 4, failed: 0 });
        assert_eq!((sum.passed, sum.failed), (4, 1));
        assert!(!sum.close());
    }
}
