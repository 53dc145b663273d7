#![doc = include_str!("../README.md")]

mod administrator;
mod boot_files;
mod certificates;
mod check;
mod client;
mod configuration;
mod interface;
mod listener;
mod records;
mod serve;
mod wiring;

use clap::{CommandFactory, Parser, Subcommand};
use client::{AuditArguments, ClientCommand};
use configuration::{BootFilesArguments, DataArguments, ServeArguments};
use std::{path::PathBuf, process::ExitCode};

/// Network boot and imaging for a site's machines.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance.
    Serve(ServeArguments),
    /// Say what is wrong with a configuration or a network, in words.
    Check(ServeArguments),
    /// People who may administer the appliance.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Kernel, initrd and loaders that machines boot.
    #[command(subcommand)]
    BootFiles(BootFilesCommand),
    /// Copy the catalog (machines, jobs, people, audit) to a new file while the appliance runs.
    Backup {
        /// The file to make.
        #[arg(long)]
        to: PathBuf,
        #[command(flatten)]
        data: DataArguments,
    },
    /// Who did what.
    #[command(subcommand)]
    Audit(AuditCommand),
    #[command(flatten)]
    Client(ClientCommand),
    /// Print what a shell needs to complete this program's commands.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Check that nobody changed the audit behind the appliance's back; names the first row that does not follow.
    Verify(DataArguments),
    /// List what was done, newest first, from a running appliance.
    List(AuditArguments),
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make an administrator; the password is read from the terminal or from standard input.
    Create {
        /// The account's name.
        name: String,
        #[command(flatten)]
        data: DataArguments,
    },
}

#[derive(Subcommand)]
enum BootFilesCommand {
    /// Build the boot files from a kernel package and the agent.
    Build(BootFilesArguments),
    /// Check that the boot files are whole and unchanged.
    Check(DataArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Admin(AdminCommand::Create { name, data }) => administrator::create(&name, &data),
        Command::BootFiles(BootFilesCommand::Build(arguments)) => boot_files::build(&arguments),
        Command::BootFiles(BootFilesCommand::Check(data)) => boot_files::check(&data),
        Command::Backup { to, data } => records::back_up(&data, &to),
        Command::Audit(AuditCommand::Verify(data)) => records::verify_audit(&data),
        Command::Audit(AuditCommand::List(arguments)) => client::list_audit(&arguments),
        Command::Client(command) => client::run(command),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "amorce", &mut std::io::stdout());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("amorce: {error:#}");
            if error.is::<client::Refused>() {
                return ExitCode::from(3);
            }
            if let Some(error) = error.downcast_ref::<catalog::Error>() {
                eprintln!("amorce: what to do: {}", error.remedy());
            }
            ExitCode::FAILURE
        }
    }
}
