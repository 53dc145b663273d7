//! Log in and out; the session is kept in the person's own folder, readable by them alone.

use super::{
    ClientArguments,
    connection::{Connection, address_of, read_certificates},
};
use crate::administrator::read_password_once;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// What is kept of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// `https://NAME[:PORT]`.
    pub server: String,
    /// The certificate to trust, in PEM form; `None`: the system's.
    pub ca: Option<String>,
    /// Proves who we are until we log out.
    pub cookie: String,
}

impl Kept {
    /// The last login, if there was one.
    pub fn load() -> Result<Option<Self>> {
        let path = path()?;
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .with_context(|| format!("{} is damaged; delete it and log in again", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    fn save(&self) -> Result<()> {
        let path = path()?;
        let folder = path.parent().context("the session's file has no folder")?;
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        // Made anew beside and then moved: never readable by others, never half.
        let fresh = path.with_extension("new");
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(|| format!("{} cannot be written", fresh.display()))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&fresh, &path))
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    fn forget() -> Result<()> {
        let path = path()?;
        fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))
    }
}

/// `$XDG_CONFIG_HOME/amorce/session.json` (XDG Base Directory Specification 0.8).
fn path() -> Result<PathBuf> {
    let folder = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .context("neither HOME nor XDG_CONFIG_HOME says where a session could be kept")?;
    Ok(folder.join("amorce/session.json"))
}

/// Logs in and keeps the session.
pub fn log_in(arguments: &ClientArguments, name: &str) -> Result<()> {
    let kept = Kept::load().unwrap_or_default();
    let server = match (&arguments.server, &kept) {
        (Some(server), _) => address_of(server)?,
        (None, Some(kept)) => kept.server.clone(),
        (None, None) => bail!("which appliance? amorce login --server https://ADDRESS NAME"),
    };
    let ca = match &arguments.ca {
        Some(path) => Some(read_certificates(path)?),
        None => kept.filter(|kept| kept.server == server).and_then(|kept| kept.ca),
    };
    let connection = Connection::to(server.clone(), ca.as_deref())?;
    let password = read_password_once()?;
    let cookie = connection.log_in(name, &password)?;
    Kept { server, ca, cookie }.save()?;
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({ "server": connection.server(), "name": name })
        );
    } else {
        println!("logged in to {} as {name}", connection.server());
    }
    Ok(())
}

/// Ends the session there and here.
pub fn log_out(arguments: &ClientArguments) -> Result<()> {
    let connection = Connection::open(arguments)?;
    // A session that is over already is as good.
    let ended = connection.delete("/session");
    Kept::forget()?;
    match ended {
        Err(error) if !error.is::<super::Refused>() => {
            Err(error).context("the session is forgotten here, but may still be open there")
        }
        _ => Ok(()),
    }
}
