//! `fuzz`: every parser against libFuzzer, on the stable compiler.

use crate::{place::Places, run};
use anyhow::{Context, Result, bail, ensure};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Names for the variables of the fuzzing program; see `fuzz/src/main.rs`.
const TARGET: &str = "AMORCE_FUZZ_TARGET";
const SEEDS: &str = "AMORCE_FUZZ_SEEDS";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// How the code under test is built: as for everything else, but with LLVM's coverage counters. `cargo fuzz` uses the
/// same; nothing of it needs a nightly compiler. The linker must keep the sections that hold the counters.
const FLAGS: &str = concat!(
    "--cfg getrandom_backend=\"linux_getrandom\" --cfg fuzzing -Cpasses=sancov-module",
    " -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    " -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares",
    " -Clink-arg=-Wl,-z,nostart-stop-gc",
);

/// The fuzzing program and its folders.
pub struct Fuzzer<'a> {
    places: &'a Places,
    program: PathBuf,
    /// What the fuzzer begins with, made anew.
    seeds: PathBuf,
}

impl<'a> Fuzzer<'a> {
    /// Builds the program and makes its seeds.
    ///
    /// # Errors
    /// It does not build, or a tool that makes an example failed.
    pub fn build(places: &'a Places) -> Result<Self> {
        let target_folder = places.target.join("fuzz");
        run::run(
            Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--target", TRIPLE, "--target-dir"])
                .arg(&target_folder)
                .current_dir(places.checkout.join("fuzz"))
                .env("RUSTFLAGS", FLAGS),
        )?;
        let fuzzer = Self {
            places,
            program: target_folder.join(TRIPLE).join("debug/fuzz"),
            seeds: target_folder.join("seeds"),
        };
        if fuzzer.seeds.exists() {
            fs::remove_dir_all(&fuzzer.seeds).context("cannot remove the old seeds")?;
        }
        run::run(fuzzer.command("seeds").env(SEEDS, &fuzzer.seeds))?;
        Ok(fuzzer)
    }

    /// The names of all targets.
    ///
    /// # Errors
    /// The program does not start.
    pub fn targets(&self) -> Result<Vec<String>> {
        let names = run::output(&mut self.command("list"))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    /// Runs one target for so many seconds. What it finds worth keeping is kept when `keep` says so.
    ///
    /// # Errors
    /// An input broke it: the error names the file and tells how to run it again.
    pub fn run(&self, target: &str, seconds: u64, keep: bool) -> Result<u64> {
        let home = self.places.cache.join("fuzz");
        let broken = home.join("broken").join(target);
        fs::create_dir_all(&broken)?;
        let scratch = self.places.target.join("fuzz/scratch").join(target);
        let corpus = if keep {
            home.join("corpus").join(target)
        } else {
            scratch.clone()
        };
        if !keep && scratch.exists() {
            fs::remove_dir_all(&scratch)?;
        }
        fs::create_dir_all(&corpus)?;
        let mut prefix = OsString::from("-artifact_prefix=");
        prefix.push(&broken);
        prefix.push("/");
        let mut command = self.command(target);
        command
            .arg(prefix)
            // Regressions and seeds are run whatever the time; the rest of the time is spent on changing them.
            .arg(format!("-max_total_time={seconds}"))
            .args([
                "-rss_limit_mb=512",
                "-malloc_limit_mb=256",
                "-timeout=20",
                "-print_final_stats=1",
                "-verbosity=0",
            ])
            .arg(&corpus);
        for folder in [
            self.seeds.join(target),
            self.places.checkout.join("fuzz/regressions").join(target),
        ] {
            if folder.is_dir() {
                command.arg(folder);
            }
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .context("cannot start the fuzzing program")?;
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            bail!(
                "{told}\nfuzz target {target} broke; {}",
                how_to_repeat(&told, &self.program, target)
            );
        }
        let inputs = executed(&told);
        ensure!(inputs > 0, "fuzz target {target} ran no input:\n{told}");
        Ok(inputs)
    }

    fn command(&self, target: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env(TARGET, target);
        command
    }
}

/// Runs one target, or each, for so many seconds, and prints a line for each.
///
/// # Errors
/// As [`Fuzzer::run`], after all have run.
pub fn run_targets(places: &Places, name: Option<&str>, seconds: u64, keep: bool) -> Result<()> {
    let fuzzer = Fuzzer::build(places)?;
    let all = fuzzer.targets()?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|target| name.is_none_or(|name| name == *target))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "there is no fuzz target {:?}; there are {}",
        name.unwrap_or_default(),
        all.join(", ")
    );
    let mut failures = Vec::new();
    for target in chosen {
        match fuzzer.run(target, seconds, keep) {
            Ok(inputs) => println!("fuzz: {target}: {inputs} inputs"),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// Reads `stat::number_of_executed_units: 1234`.
fn executed(told: &str) -> u64 {
    told.lines()
        .find_map(|line| {
            line.strip_prefix("stat::number_of_executed_units:")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

fn how_to_repeat(told: &str, program: &Path, target: &str) -> String {
    let file = told.lines().find_map(|line| {
        line.split_once("Test unit written to ")
            .map(|(_, file)| file.trim())
    });
    match file {
        Some(file) => format!("again: {TARGET}={target} {} {file}", program.display()),
        None => "no input was kept".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_tells_is_understood() {
        let told =
            "#1 INITED\nstat::number_of_executed_units: 4711\nTest unit written to /c/broken/frame/crash-1\n";
        assert_eq!(executed(told), 4711);
        assert!(
            how_to_repeat(told, Path::new("/t/fuzz"), "frame").ends_with("/t/fuzz /c/broken/frame/crash-1")
        );
        assert_eq!(executed("nothing"), 0);
    }
}
