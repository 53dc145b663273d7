//! The commands that work on a running appliance through its admin API, from anywhere.
//!
//! `amorce login` keeps a session (`login`); each command makes one or a few calls (`connection`) and prints a table for people
//! (`table`) or, with `--json`, the appliance's own answer. Names in place of ids are looked up (`lookup`). Exit codes: 0 done,
//! 1 failed, 2 wrong usage, 3 refused by the appliance.

mod connection;
mod follow;
mod login;
mod lookup;
mod order;
mod show;
mod table;

use anyhow::Result;
use clap::{Args, Subcommand};
use connection::Connection;
pub use connection::Refused;
use std::path::PathBuf;

/// What every such command takes.
#[derive(Args, Clone, Debug)]
pub struct ClientArguments {
    /// Address of the page, `https://amorce.example`; without it the one that was logged in to last.
    #[arg(long, env = "AMORCE_SERVER")]
    server: Option<String>,
    /// Certificate to trust (PEM): the appliance's `ca.pem`; without it what was given at login, else the system's.
    #[arg(long, env = "AMORCE_CA")]
    ca: Option<PathBuf>,
    /// Print the appliance's answer as JSON.
    #[arg(long)]
    json: bool,
}

/// `amorce login`.
#[derive(Args, Debug)]
pub struct LoginArguments {
    #[command(flatten)]
    client: ClientArguments,
    /// The account's name; the password is read from the terminal or from standard input.
    name: String,
}

/// Commands on a running appliance.
#[derive(Subcommand, Debug)]
pub enum ClientCommand {
    /// Log in to an appliance; the commands below then work there.
    Login(LoginArguments),
    /// Log out.
    Logout(ClientArguments),
    /// List machines.
    Machines(MachinesArguments),
    /// Show one machine.
    Machine {
        /// Its name, address, serial number or id.
        machine: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// List masters.
    Masters(ClientArguments),
    /// List jobs, newest first.
    Jobs {
        /// At most so many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Keep a machine's disk as a new version of a master.
    Capture(order::CaptureArguments),
    /// Put a master on machines. Their disks are erased.
    Restore(order::RestoreArguments),
    /// Wake machines up (Wake-on-LAN).
    Wake {
        /// Names, addresses, serial numbers or ids.
        #[arg(required = true)]
        machines: Vec<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Follow a job to its end, or everything that happens.
    Follow {
        /// The job's id, or the first letters of it; without it, everything until Ctrl-C.
        job: Option<String>,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Take a job back.
    Cancel {
        /// The job's id, or the first letters of it.
        job: String,
        #[command(flatten)]
        client: ClientArguments,
    },
    /// Let the machines try again for which a job failed.
    Retry {
        /// The job's id, or the first letters of it.
        job: String,
        #[command(flatten)]
        client: ClientArguments,
    },
}

/// `amorce machines`.
#[derive(Args, Debug)]
pub struct MachinesArguments {
    /// Words to find in names, notes, addresses, serial numbers and models, all of them.
    words: Vec<String>,
    /// What is true of them: quarantined, unnamed, not-inventoried, nothing-bootable, warned, in-job, connected.
    #[arg(long, value_delimiter = ',')]
    is: Vec<String>,
    #[command(flatten)]
    client: ClientArguments,
}

/// `amorce audit list`.
#[derive(Args, Debug)]
pub struct AuditArguments {
    /// Words to find in what was done, all of them.
    words: Vec<String>,
    /// By this person.
    #[arg(long)]
    by: Option<String>,
    /// To this kind of thing: machine, job, master, person, setting, …
    #[arg(long)]
    object: Option<String>,
    /// At this moment or later (RFC 3339).
    #[arg(long)]
    from: Option<String>,
    /// Before this moment (RFC 3339).
    #[arg(long)]
    to: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    #[command(flatten)]
    client: ClientArguments,
}

/// Does what was asked.
pub fn run(command: ClientCommand) -> Result<()> {
    match command {
        ClientCommand::Login(LoginArguments { client, name }) => login::log_in(&client, &name),
        ClientCommand::Logout(client) => login::log_out(&client),
        ClientCommand::Machines(arguments) => {
            let connection = Connection::open(&arguments.client)?;
            show::machines(
                &connection,
                &arguments.words,
                &arguments.is,
                arguments.client.json,
            )
        }
        ClientCommand::Machine { machine, client } => {
            let connection = Connection::open(&client)?;
            show::machine(&connection, &machine, client.json)
        }
        ClientCommand::Masters(client) => show::masters(&Connection::open(&client)?, client.json),
        ClientCommand::Jobs { limit, client } => show::jobs(&Connection::open(&client)?, limit, client.json),
        ClientCommand::Capture(arguments) => order::capture(arguments),
        ClientCommand::Restore(arguments) => order::restore(arguments),
        ClientCommand::Wake { machines, client } => {
            order::wake(&Connection::open(&client)?, &machines, client.json)
        }
        ClientCommand::Follow { job, client } => {
            let connection = Connection::open(&client)?;
            let job = job.map(|job| lookup::job(&connection, &job)).transpose()?;
            follow::follow(&connection, job.as_deref(), client.json)
        }
        ClientCommand::Cancel { job, client } => {
            order::change_job(&Connection::open(&client)?, &job, "cancel", client.json)
        }
        ClientCommand::Retry { job, client } => {
            order::change_job(&Connection::open(&client)?, &job, "retry", client.json)
        }
    }
}

/// Lists the audit.
pub fn list_audit(arguments: &AuditArguments) -> Result<()> {
    show::audit(&Connection::open(&arguments.client)?, arguments)
}
