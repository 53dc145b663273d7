#![doc = include_str!("../README.md")]

mod administrator;
mod appliance;
mod attachment;
mod bench;
mod console;
mod contents;
mod crowd;
mod demo;
mod desktop;
mod disk;
mod doorway;
mod firmware;
mod firmware_variables;
mod machine;
mod master;
mod monitor;
mod network;
mod process;
mod scenario;
mod scenarios;
mod scripted;
mod seed;
mod stage;
mod workshop;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use stage::Tools;
use std::{path::PathBuf, process::ExitCode};

/// The lab: virtual networks, real firmware, scenarios by name. `cargo xtask lab` builds what it needs and calls it.
#[derive(Parser)]
#[command(name = "lab", version)]
struct Arguments {
    /// The built `amorce` program.
    #[arg(long, value_name = "FILE")]
    amorce: PathBuf,
    /// The built `imager` program.
    #[arg(long, value_name = "FILE")]
    imager: PathBuf,
    /// Kernel, initrd and loaders, as `amorce` wants them under `boot/` in its data folder.
    #[arg(long, value_name = "DIR")]
    boot_files: PathBuf,
    /// The same with the newer kernel of backports, and without any firmware for adapters.
    #[arg(long, value_name = "DIR")]
    newer_boot_files: PathBuf,
    /// Firmware for adapters, as under `/lib/firmware`.
    #[arg(long, value_name = "DIR")]
    firmware: PathBuf,
    /// Debian's packages, unpacked: kernels with their modules, busybox.
    #[arg(long, value_name = "DIR")]
    packages: PathBuf,
    /// Where masters and evidence are kept between runs.
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// The page's sources with its browser tests.
    #[arg(long, value_name = "DIR")]
    page: PathBuf,
    /// The `node` program that runs them.
    #[arg(long, value_name = "FILE")]
    node: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Names the scenarios and what they prove.
    List,
    /// Runs scenarios.
    Run {
        /// Their names; none means all that run every day.
        names: Vec<String>,
        /// All of them, also those too long for every day.
        #[arg(long, conflicts_with = "names")]
        full: bool,
        /// How many at a time.
        #[arg(long, default_value_t = 1)]
        at_once: usize,
        /// Writes the verdicts there as JSON.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Shows the whole path, then keeps the page up.
    Demo {
        /// End when the last step is done.
        #[arg(long)]
        once: bool,
        /// Writes what each step took there, as JSON.
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
    /// Measures something against its peer.
    Bench {
        /// Its name.
        #[arg(required_unless_present = "list")]
        name: Option<String>,
        /// Names all measurements.
        #[arg(long)]
        list: bool,
        /// How many rounds; medians count.
        #[arg(long, default_value_t = 5)]
        times: u32,
        /// On small masters, and fail if a figure is far from what was asked for.
        #[arg(long)]
        small: bool,
    },
    /// Makes master A, or another one, unless it is in the cache, and prints where it is.
    Master {
        /// The variant with an MBR.
        #[arg(long)]
        mbr: bool,
        /// One of the two desktop-like masters instead, for measurements.
        #[arg(long, value_enum, conflicts_with = "mbr")]
        desktop: Option<desktop::Which>,
        /// A tenth of it.
        #[arg(long, requires = "desktop")]
        small: bool,
    },
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let Arguments {
        amorce,
        imager,
        boot_files,
        newer_boot_files,
        firmware,
        packages,
        cache,
        page,
        node,
        command,
    } = Arguments::parse();
    let tools = Tools {
        amorce,
        imager,
        boot_files,
        newer_boot_files,
        firmware,
        packages,
        cache,
        page,
        node,
        full: matches!(command, Command::Run { full: true, .. }),
    };
    match command {
        Command::List => {
            for scenario in scenario::all() {
                println!("{:<18} {}", scenario.name, scenario.proves);
            }
            Ok(true)
        }
        Command::Master {
            desktop: Some(which),
            small,
            ..
        } => {
            let scale = if small {
                desktop::Scale::Small
            } else {
                desktop::Scale::Desktop
            };
            let master = desktop::image(&tools.cache, scale, which)?;
            println!("{}", master.image.display());
            for (name, place) in [("ext4", master.linux), ("NTFS", master.windows)] {
                println!("{name}: {} bytes at {}", place.length, place.offset);
            }
            Ok(true)
        }
        Command::Master { mbr, .. } => {
            let table = if mbr {
                master::Table::Mbr
            } else {
                master::Table::Gpt
            };
            println!("{}", master::image(&tools.cache, table)?.display());
            Ok(true)
        }
        Command::Demo { once, report } => {
            prepare()?;
            demo::play(&tools, once, report.as_deref())
        }
        Command::Bench { list: true, .. } => {
            for bench in bench::ALL {
                println!("{:<18} {}", bench.name, bench.measures);
            }
            println!("{:<18} {}", "boot", bench::boot::MEASURES);
            Ok(true)
        }
        Command::Bench {
            name, times, small, ..
        } => {
            process::end_orderly_on_signals()?;
            bench::play(&name.unwrap_or_default(), &tools, bench::Order { times, small }).map(|()| true)
        }
        Command::Run {
            names,
            full,
            at_once,
            report,
        } => {
            prepare()?;
            let chosen = if names.is_empty() {
                scenario::all()
                    .iter()
                    .filter(|scenario| full || scenario.daily)
                    .collect()
            } else {
                names
                    .iter()
                    .map(|name| scenario::find(name))
                    .collect::<Result<Vec<_>>>()?
            };
            let verdicts = scenario::run(&chosen, &tools, at_once);
            if let Some(path) = report {
                let text =
                    serde_json::to_string_pretty(&verdicts).context("cannot write verdicts as JSON")?;
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            let failed = verdicts.iter().filter(|verdict| !verdict.ok).count();
            for verdict in &verdicts {
                println!(
                    "{:<18} {} {:>7.1} s",
                    verdict.name,
                    if verdict.ok { "ok    " } else { "FAILED" },
                    verdict.seconds
                );
            }
            println!("{} passed, {failed} failed", verdicts.len() - failed);
            Ok(failed == 0)
        }
    }
}

fn prepare() -> Result<()> {
    ensure!(
        nix::unistd::geteuid().is_root(),
        "the lab makes network namespaces; run it as root"
    );
    process::end_orderly_on_signals()?;
    network::remove_leftovers()
}
