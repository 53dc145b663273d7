//! Renders the boot scripts: one plan, the words of each loader.

mod menu;
mod text;

use crate::{
    dhcp::engine::{Link, TFTP_FOLDER},
    error::ServeError,
    event::{Loader, plan_in_words},
};
use menu::DrawnMenu;
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use protocol::{
    MacAddr,
    boot::{BootFacts, BootPlan, LocalWay},
    cmdline::{AgentCommandLine, CaFingerprint},
    menu::{EntryAction, LoaderConsole, SerialLine},
};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};
use text::loader_text;

const GRUB: &str = "grub.cfg";
const TEMPLATES: [(&str, &str); 7] = [
    (
        "machine.ipxe",
        include_str!("../../ipxe-scripts/ipxe/machine.ipxe.j2"),
    ),
    ("menu.ipxe", include_str!("../../ipxe-scripts/ipxe/menu.ipxe.j2")),
    (
        "start.ipxe",
        include_str!("../../ipxe-scripts/ipxe/start.ipxe.j2"),
    ),
    (GRUB, include_str!("../../ipxe-scripts/grub/grub.cfg.j2")),
    (
        "machine.cfg",
        include_str!("../../ipxe-scripts/grub/machine.cfg.j2"),
    ),
    ("menu.cfg", include_str!("../../ipxe-scripts/grub/menu.cfg.j2")),
    ("start.cfg", include_str!("../../ipxe-scripts/grub/start.cfg.j2")),
];
/// The function that every grub script may call; nothing in it differs.
const START_DISK: &str = include_str!("../../ipxe-scripts/grub/start_disk.cfg");

/// The templates, and what is the same in every script.
#[derive(Debug)]
pub(crate) struct Scripts {
    templates: Environment<'static>,
    ca: CaFingerprint,
    agent_port: u16,
    http_port: u16,
    extra_kernel_words: Vec<String>,
}

/// What a loader is to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    /// What is known of the machine.
    pub(crate) facts: &'a BootFacts,
    /// What it shall do.
    pub(crate) plan: &'a BootPlan,
    /// There if the plan is the agent.
    pub(crate) token: Option<&'a str>,
    /// How loaders and agent speak.
    pub(crate) console: LoaderConsole,
    /// How it is sent to its own disk.
    pub(crate) way: LocalWay,
}

#[derive(Serialize)]
struct MachineWords<'a> {
    mac: MacAddr,
    reason: &'static str,
    server: Ipv4Addr,
    /// Where grub finds the boot files: `(tftp,SERVER)/amorce`, or the image it was started from.
    files: String,
    http: SocketAddr,
    /// Where iPXE finds them.
    base: String,
    /// Where iPXE gets this machine's script.
    script_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<SerialLine>,
    way: LocalWay,
    #[serde(skip_serializing_if = "Option::is_none")]
    menu: Option<DrawnMenu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<&'a EntryAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Serialize)]
struct ServerWords {
    server: Ipv4Addr,
}

impl Scripts {
    /// Parses the templates.
    pub(crate) fn new(
        ca: CaFingerprint,
        agent_port: u16,
        http_port: u16,
        extra_kernel_words: Vec<String>,
    ) -> Result<Self, ServeError> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .keep_trailing_newline(true)
            .build();
        templates.set_syntax(syntax.map_err(ServeError::Template)?);
        for (name, source) in TEMPLATES {
            templates
                .add_template(name, source)
                .map_err(ServeError::Template)?;
        }
        Ok(Self {
            templates,
            ca,
            agent_port,
            http_port,
            extra_kernel_words,
        })
    }

    /// What a loader shall do on a machine. `has` tells which files are in the boot folder: what lacks its file is on no
    /// menu.
    pub(crate) fn machine(
        &self,
        loader: Loader,
        telling: &Telling<'_>,
        has: &dyn Fn(&str) -> bool,
    ) -> Result<String, minijinja::Error> {
        let mut words = self.machine_words(telling);
        let template = match telling.plan {
            BootPlan::LocalDisk { .. } | BootPlan::Agent { .. } => "machine",
            BootPlan::Menu { menu } => {
                words.menu = Some(DrawnMenu::new(menu, loader, has));
                "menu"
            }
            BootPlan::Start { entry } => {
                words.start = Some(&entry.action);
                words.label = Some(loader_text(&entry.label));
                "start"
            }
        };
        match loader {
            Loader::Ipxe => self.render(&format!("{template}.ipxe"), words),
            Loader::Grub => self.render(&format!("{template}.cfg"), words),
            Loader::Image => {
                words.files = "($root)/amorce".into();
                let rest = self.render(&format!("{template}.cfg"), words)?;
                Ok(format!("{START_DISK}\n{rest}"))
            }
        }
    }

    /// What grub reads first.
    pub(crate) fn grub(&self, server: Ipv4Addr) -> Result<String, minijinja::Error> {
        let rest = self.render(GRUB, ServerWords { server })?;
        Ok(format!("{START_DISK}\n{rest}"))
    }

    /// The absolute URL of something for a machine.
    pub(crate) fn url(&self, facts: &BootFacts, link: Link) -> String {
        let base = format!("http://{}:{}/boot", facts.server, self.http_port);
        match link {
            Link::Script => self.ipxe_url(facts),
            Link::Image => {
                // Without colons: some firmware takes a URL apart at each of them.
                let mac = facts.mac.to_string().replace(':', "-");
                format!("{base}/image/{mac}.img")
            }
            Link::File(name) => format!("{base}/files/{name}"),
        }
    }

    /// Where iPXE gets its script.
    fn ipxe_url(&self, facts: &BootFacts) -> String {
        let uuid = facts.uuid.map(|uuid| format!("&uuid={uuid}")).unwrap_or_default();
        format!(
            "http://{}:{}/boot/ipxe?mac={}{uuid}",
            facts.server, self.http_port, facts.mac
        )
    }

    fn machine_words<'a>(&self, telling: &Telling<'a>) -> MachineWords<'a> {
        let Telling {
            facts,
            plan,
            token,
            console,
            way,
        } = *telling;
        let kernel_words = token.map(|token| {
            let ours = AgentCommandLine {
                agent: SocketAddr::from((facts.server, self.agent_port)),
                ca: self.ca,
                token: token.to_owned(),
                mac: Some(facts.mac),
            };
            let mut words = consoles(console.serial);
            for word in &self.extra_kernel_words {
                words.push(' ');
                words.push_str(word);
            }
            format!("{words} {ours}")
        });
        MachineWords {
            mac: facts.mac,
            reason: plan_in_words(plan),
            server: facts.server,
            files: format!("(tftp,{})/{TFTP_FOLDER}", facts.server),
            http: SocketAddr::from((facts.server, self.http_port)),
            base: format!("http://{}:{}/boot/files", facts.server, self.http_port),
            script_url: self.ipxe_url(facts),
            kernel_words,
            serial: console.serial,
            way,
            menu: None,
            start: None,
            label: None,
        }
    }

    fn render(&self, template: &str, words: impl Serialize) -> Result<String, minijinja::Error> {
        self.templates.get_template(template)?.render(Serde(words))
    }
}

/// The kernel speaks on the screen and on a serial line; the last named is where our agent's own output goes too.
fn consoles(serial: Option<SerialLine>) -> String {
    let SerialLine { port, speed } = serial.unwrap_or(SerialLine {
        port: 0,
        speed: 115_200,
    });
    format!("console=tty0 console=ttyS{port},{speed}n8")
}

/// Whether a token may stand in a script and on a command line.
pub(crate) fn is_token(token: &str) -> bool {
    (1..=128).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests;
