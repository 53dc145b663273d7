#![doc = include_str!("../README.md")]

mod apt;
mod checks;
mod control;
mod fuzz;
mod lab;
mod node;
mod place;
mod product;
mod run;
mod setup;

use anyhow::Result;
use clap::{Parser, Subcommand};
use place::Places;
use std::{path::PathBuf, process::ExitCode};

/// Everything a developer types.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what this machine lacks.
    Setup,
    /// Show the whole path on virtual machines, then keep the page up.
    Demo {
        /// End when the last step is done, with an exit code that tells whether all went well.
        #[arg(long)]
        once: bool,
        /// Write what each step took there, as JSON.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Check everything that must hold.
    Test {
        /// Also what is too long for every day.
        #[arg(long)]
        full: bool,
    },
    /// Run one end-to-end scenario.
    Lab {
        /// Its name.
        #[arg(required_unless_present = "list")]
        name: Option<String>,
        /// Name all scenarios.
        #[arg(long)]
        list: bool,
    },
    /// Measure something against its peer.
    Bench {
        /// Its name.
        #[arg(required_unless_present = "list")]
        name: Option<String>,
        /// Name all measurements.
        #[arg(long)]
        list: bool,
        /// How many rounds; medians count.
        #[arg(long, default_value_t = 5)]
        times: u32,
        /// On small masters, and fail if a figure is far from what was asked for.
        #[arg(long)]
        small: bool,
    },
    /// Feed a parser with whatever makes it go new ways.
    Fuzz {
        /// Its name; without one, each in turn.
        name: Option<String>,
        /// For how long.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Name all parsers.
        #[arg(long)]
        list: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

/// 3: this machine cannot run it, whatever is installed; 1: it failed.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<setup::Unfit>().is_some() {
        3
    } else {
        1
    }
}

fn run(command: Command) -> Result<bool> {
    let places = Places::find()?;
    let node = setup::set_up(&places)?;
    let lab = |words: &[&std::ffi::OsStr]| -> Result<bool> {
        lab::build(&places, &node)?;
        run::follow(lab::command(&places, &node).args(words), |_| {})
    };
    match command {
        Command::Setup => {
            println!("setup: nothing is missing");
            Ok(true)
        }
        Command::Test { full } => checks::run(&places, &node, full),
        Command::Lab { list: true, .. } => lab(&["list".as_ref()]),
        Command::Lab { name, .. } => lab(&["run".as_ref(), name.unwrap_or_default().as_ref()]),
        Command::Bench { list: true, .. } => {
            println!("control: {}", control::MEASURES);
            lab(&["bench".as_ref(), "--list".as_ref()])
        }
        Command::Bench {
            name: Some(name),
            small,
            ..
        } if name == "control" => control::measure(&places, small),
        Command::Bench {
            name, times, small, ..
        } => {
            let mut words = vec![
                "bench".to_owned(),
                name.unwrap_or_default(),
                format!("--times={times}"),
            ];
            words.extend(small.then(|| "--small".to_owned()));
            lab(&words.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }
        Command::Fuzz { list: true, .. } => {
            println!("{}", fuzz::Fuzzer::build(&places)?.targets()?.join("\n"));
            Ok(true)
        }
        Command::Fuzz { name, seconds, .. } => {
            fuzz::run_targets(&places, name.as_deref(), seconds, true).map(|()| true)
        }
        Command::Demo { once, report } => {
            let mut words = vec!["demo".into()];
            if once {
                words.push("--once".into());
            }
            if let Some(report) = report {
                words.extend(["--report".into(), std::path::absolute(report)?.into_os_string()]);
            }
            lab(&words
                .iter()
                .map(std::ffi::OsString::as_os_str)
                .collect::<Vec<_>>())
        }
    }
}
