//! The site: its settings and the appliance itself.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// What the site decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What happens to a machine that nobody has seen before.
    pub unknown_machines: UnknownMachines,
    /// Language of the machines' screens and of the page before log-in.
    pub language: Language,
}

/// What happens to a machine that nobody has seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownMachines {
    /// It is inventoried once, then boots its own disk.
    Inventory,
    /// It boots its own disk.
    Ignore,
}

/// A language that Amorce speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

/// The appliance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Server {
    /// Its build version.
    pub version: String,
    /// When it was started.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Its clock.
    #[schema(format = DateTime)]
    pub now: String,
    /// The networks it serves.
    pub interfaces: Vec<Interface>,
    /// Room in the data folder.
    pub data: Space,
    /// SHA-256 of its CA's certificate, in hexadecimal: compare it with what the browser shows.
    pub ca_fingerprint: String,
    /// What is wrong at the moment, in words; empty when nothing is.
    pub warnings: Vec<String>,
}

/// A network interface that the appliance serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interface {
    /// The kernel's name.
    pub name: String,
    /// Its addresses.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
}

/// Room on a filesystem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Space {
    /// Bytes in all.
    pub bytes_total: u64,
    /// Bytes that the appliance may still use.
    pub bytes_free: u64,
}

/// Somebody or something was refused: no session, a token that was used before, another machine's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalEvent {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// Where from.
    pub peer: Option<String>,
    /// The problem's code.
    pub code: String,
    /// What happened.
    pub title: String,
}

impl From<catalog::Settings> for Settings {
    fn from(settings: catalog::Settings) -> Self {
        let unknown_machines = match settings.unknown_machines {
            catalog::UnknownMachines::Inventory => UnknownMachines::Inventory,
            catalog::UnknownMachines::Ignore => UnknownMachines::Ignore,
        };
        Self {
            unknown_machines,
            language: settings.language.into(),
        }
    }
}

impl From<Settings> for catalog::Settings {
    fn from(settings: Settings) -> Self {
        let unknown_machines = match settings.unknown_machines {
            UnknownMachines::Inventory => catalog::UnknownMachines::Inventory,
            UnknownMachines::Ignore => catalog::UnknownMachines::Ignore,
        };
        let language = match settings.language {
            Language::Fr => catalog::Language::Fr,
            Language::En => catalog::Language::En,
        };
        Self {
            unknown_machines,
            language,
        }
    }
}

impl From<catalog::Language> for Language {
    fn from(language: catalog::Language) -> Self {
        match language {
            catalog::Language::Fr => Self::Fr,
            catalog::Language::En => Self::En,
        }
    }
}
