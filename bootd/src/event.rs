//! What happens while a machine boots, in plain words: the transcript that says at which step a boot stopped.

use crate::{
    bsdp,
    dhcp::{pool, shape::Shape},
    tftp::EndReason,
};
use protocol::{
    MacAddr,
    boot::{AgentReason, BootPlan, LocalReason},
    menu::EntryKey,
};
use std::{fmt, net::Ipv4Addr, time::Duration};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootEvent {
    /// The machine's adapter, if the protocol shows it or an earlier packet told which address is whose.
    pub mac: Option<MacAddr>,
    /// The address that the machine spoke from, if it has one.
    pub address: Option<Ipv4Addr>,
    /// What happened.
    pub happening: Happening,
}

/// The kinds of things that happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A boot ROM looked for servers and was offered a file.
    Offered {
        /// The architecture that it named.
        architecture: u16,
        /// The file or URL.
        file: String,
    },
    /// A boot ROM asked again without going on, and is offered another shape.
    NextShape {
        /// The shape.
        shape: Shape,
    },
    /// A kind of firmware goes on with a shape that is not what most are offered.
    ShapeLearned {
        /// The shape.
        shape: Shape,
    },
    /// A boot ROM was given an address of the network's own DHCP server together with our file.
    Merged {
        /// Whether it already took the offer.
        taken: bool,
        /// The address.
        address: Ipv4Addr,
        /// Whose address it is.
        dhcp_server: Ipv4Addr,
    },
    /// A boot ROM asked for an address of the appliance's own pool.
    Address(pool::Told),
    /// A boot ROM took an address from the network's own DHCP server.
    AddressTaken {
        /// Which server.
        from: Ipv4Addr,
    },
    /// A boot ROM asked us as the boot server and was told the file.
    BootServerAnswered {
        /// The architecture that it named.
        architecture: u16,
        /// The file or URL.
        file: String,
    },
    /// A boot ROM asked for what we do not serve.
    NotServed {
        /// Why.
        why: NotServed,
    },
    /// A boot script was rendered.
    Scripted {
        /// Who will run it.
        loader: Loader,
        /// What it says.
        plan: BootPlan,
    },
    /// Somebody chose an entry of the menu, or nobody did and it is the default.
    Chosen {
        /// Who will run the script.
        loader: Loader,
        /// The entry.
        entry: EntryKey,
        /// What it says.
        plan: BootPlan,
    },
    /// The agent was wanted, but no token could be had; the machine starts its own disk.
    NoToken {
        /// Why.
        why: String,
    },
    /// A TFTP transfer ended.
    TransferEnded {
        /// The name that was asked for.
        file: String,
        /// Bytes that the machine acknowledged.
        bytes: u64,
        /// Length of the file.
        of: u64,
        /// Bytes of a block.
        block_len: u16,
        /// Blocks of a window.
        window: u16,
        /// Datagrams sent a second time.
        resent: u64,
        /// How long it took.
        took: Duration,
        /// How it ended.
        end: EndReason,
    },
    /// A Mac looked for NetBoot images or chose one.
    NetBoot(bsdp::engine::Told),
    /// A TFTP request was refused.
    TransferRefused {
        /// The name that was asked for, escaped.
        file: String,
        /// Why.
        why: &'static str,
    },
    /// An HTTP request was answered.
    HttpAnswered {
        /// The path that was asked for, escaped and cut.
        path: String,
        /// The status.
        status: u16,
        /// Bytes of the answer's body.
        bytes: u64,
    },
}

/// Why a boot ROM gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotServed {
    /// UEFI HTTP Boot without an address that names the machine.
    NoAddress,
    /// It named no architecture.
    NoArchitecture,
    /// A Mac that is in quarantine.
    Quarantined,
    /// There is no loader for it.
    Architecture(u16),
    /// The loader should be in the boot folder and is not.
    LoaderMissing(&'static str),
}

/// Who runs a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loader {
    /// iPXE.
    Ipxe,
    /// grub, from the network.
    Grub,
    /// grub, from the machine's own image.
    Image,
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offered { architecture, file } => {
                write!(
                    f,
                    "looked for boot servers (architecture {architecture}); offered {file}"
                )
            }
            Self::Merged {
                taken: false,
                address,
                dhcp_server,
            } => {
                write!(
                    f,
                    "offered the address {address} of {dhcp_server} together with the boot file"
                )
            }
            Self::Merged {
                taken: true,
                address,
                dhcp_server,
            } => {
                write!(
                    f,
                    "took the address {address} of {dhcp_server} together with the boot file"
                )
            }
            Self::AddressTaken { from } => write!(f, "took an address from the DHCP server {from}"),
            Self::BootServerAnswered { architecture, file } => {
                write!(
                    f,
                    "asked for its boot file (architecture {architecture}); told {file}"
                )
            }
            Self::NextShape { shape } => write!(
                f,
                "asked again without going on: its firmware may not understand the offer; trying {}",
                shape_in_words(*shape)
            ),
            Self::ShapeLearned { shape } => write!(
                f,
                "went on; this firmware is offered {} from now on",
                shape_in_words(*shape)
            ),
            Self::NotServed { why } => write!(f, "got no answer: {why}"),
            Self::NetBoot(told) => told.fmt(f),
            Self::Address(told) => told.fmt(f),
            Self::Scripted { loader, plan } => {
                write!(f, "{loader} asked what to do: {}", plan_in_words(plan))?;
                match plan {
                    BootPlan::Menu { menu } => match menu.timeout_seconds {
                        Some(seconds) => write!(f, ", {} in {seconds} s if nobody chooses", menu.default),
                        None => write!(f, ", which waits for a person"),
                    },
                    _ => Ok(()),
                }
            }
            Self::Chosen { loader, entry, plan } => {
                write!(
                    f,
                    "{entry} was chosen in the menu of {loader}: {}",
                    plan_in_words(plan)
                )
            }
            Self::NoToken { why } => write!(f, "starts its own disk, as the agent has no token: {why}"),
            Self::TransferEnded {
                file,
                bytes,
                of,
                end,
                took,
                resent,
                ..
            } => match end {
                EndReason::Complete => {
                    write!(
                        f,
                        "loaded {file} by TFTP: {bytes} bytes in {:.1} s, {resent} resent",
                        took.as_secs_f64()
                    )
                }
                EndReason::Probe => write!(f, "asked how long {file} is"),
                _ => write!(f, "TFTP of {file} ended at {bytes} of {of} bytes: {end}"),
            },
            Self::TransferRefused { file, why } => write!(f, "TFTP of {file} refused: {why}"),
            Self::HttpAnswered { path, status, bytes } => write!(f, "HTTP {path}: {status}, {bytes} bytes"),
        }
    }
}

impl fmt::Display for NotServed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("its packet does not hold the address of its adapter"),
            Self::Quarantined => f.write_str("it is in quarantine: it starts its own disk"),
            Self::NoArchitecture => f.write_str("its boot ROM does not say what kind of machine it is"),
            Self::Architecture(number) => write!(f, "there is no loader for architecture {number}"),
            Self::LoaderMissing(name) => {
                write!(
                    f,
                    "{name} is not in the boot folder; run `amorce boot-files build`"
                )
            }
        }
    }
}

impl fmt::Display for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipxe => "iPXE",
            Self::Grub | Self::Image => "grub",
        })
    }
}

fn shape_in_words(shape: Shape) -> &'static str {
    match (shape.direct, shape.complete) {
        (true, true) => "one that names the file at once, with an address",
        (true, false) => "one that names the file at once",
        (false, true) => "one that leads to port 4011, with an address",
        (false, false) => "one that leads to port 4011",
    }
}

/// What a plan means, for the transcript and the machine's own screen: ASCII, one line.
#[must_use]
pub fn plan_in_words(plan: &BootPlan) -> &'static str {
    match plan {
        BootPlan::Agent {
            reason: AgentReason::Unknown,
        } => "this machine is new here: taking its inventory",
        BootPlan::Agent {
            reason: AgentReason::Job,
        } => "a job waits for this machine: starting the agent",
        BootPlan::Agent {
            reason: AgentReason::NothingBootable,
        } => "no disk of this machine can start: starting the agent",
        BootPlan::Agent {
            reason: AgentReason::Chosen,
        } => "starting the agent",
        BootPlan::Agent {
            reason: AgentReason::Password,
        } => "a password is wanted: starting the agent, which asks for it",
        BootPlan::Menu { .. } => "showing its menu",
        BootPlan::Start { .. } => "starting what was chosen in the menu",
        BootPlan::LocalDisk {
            reason: LocalReason::Chosen,
        } => "starting the disk of this machine",
        BootPlan::LocalDisk {
            reason: LocalReason::Asked,
        } => "somebody asked for it on the screen: starting the disk of this machine",
        BootPlan::LocalDisk {
            reason: LocalReason::NoSuchEntry,
        } => "this is not in the menu any more: starting the disk of this machine",
        BootPlan::LocalDisk {
            reason: LocalReason::NoJob,
        } => "no job for this machine: starting its own disk",
        BootPlan::LocalDisk {
            reason: LocalReason::UnknownIgnored,
        } => "this machine is not known here: starting its own disk",
        BootPlan::LocalDisk {
            reason: LocalReason::Quarantined,
        } => "this machine is in quarantine: starting its own disk",
        BootPlan::LocalDisk {
            reason: LocalReason::NotImaged,
        } => "this kind of machine cannot be imaged yet: starting its own disk",
        BootPlan::LocalDisk {
            reason: LocalReason::CatalogUnavailable,
        } => "the appliance cannot decide now: starting the disk of this machine",
    }
}
