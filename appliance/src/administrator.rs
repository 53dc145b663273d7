//! `amorce admin create`: an administrator from the console of the appliance.

use crate::configuration::DataArguments;
use anyhow::{Context, Result, bail};
use catalog::{Actor, Catalog};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Write};

/// Longest password that is read; longer input is refused before it is hashed.
const PASSWORD_MAX_LEN: u64 = 1024;

/// Asks for a password and makes the account.
pub fn create(name: &str, data: &DataArguments) -> Result<()> {
    let catalog = Catalog::open(&data.data.join("catalog.sqlite"))?;
    let password = read_password()?;
    catalog.create_administrator(name, &password, &console())?;
    println!("administrator {name} can log in on the page now");
    Ok(())
}

/// Reads a new password: twice and without echo from a terminal, else one line of standard input.
fn read_password() -> Result<String> {
    read_hidden(true)
}

/// Reads a password that exists: once and without echo from a terminal, else one line of standard input.
pub fn read_password_once() -> Result<String> {
    read_hidden(false)
}

fn read_hidden(twice: bool) -> Result<String> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return read_line();
    }
    let settings = tcgetattr(&input).context("the terminal's settings cannot be read")?;
    let mut quiet = settings.clone();
    quiet.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&input, SetArg::TCSAFLUSH, &quiet).context("the terminal's echo cannot be switched off")?;
    let entered = prompt("Password: ").and_then(|first| {
        let second = if twice { prompt("Again: ")? } else { first.clone() };
        Ok((first, second))
    });
    tcsetattr(&input, SetArg::TCSAFLUSH, &settings)
        .context("the terminal's echo cannot be switched on again")?;
    let (first, second) = entered?;
    if first != second {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(first)
}

fn prompt(text: &str) -> Result<String> {
    eprint!("{text}");
    std::io::stderr().flush()?;
    let line = read_line();
    eprintln!();
    line
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    std::io::Read::take(std::io::stdin().lock(), PASSWORD_MAX_LEN)
        .read_line(&mut line)
        .context("the password cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Whoever has a shell on the appliance; the audit names the place, since it cannot name the person.
fn console() -> Actor {
    Actor {
        name: "console".to_owned(),
        peer: None,
    }
}
