//! Renders the boot scripts: one plan, the words of each loader.

use crate::{
    dhcp::engine::{Link, TFTP_FOLDER},
    error::ServeError,
    event::plan_in_words,
};
use minijinja::{Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use protocol::{
    MacAddr,
    boot::{BootFacts, BootPlan},
    cmdline::{AgentCommandLine, CaFingerprint},
};
use serde::Serialize;
use std::net::{Ipv4Addr, SocketAddr};

const IPXE_MACHINE: &str = "machine.ipxe";
const GRUB: &str = "grub.cfg";
const GRUB_MACHINE: &str = "machine.cfg";
/// The function that every grub script may call; nothing in it differs.
const START_DISK: &str = include_str!("../../ipxe-scripts/grub/start_disk.cfg");

/// The kernel speaks on the screen and on the first serial line; the last named is where our agent's own output goes too.
const CONSOLES: &str = "console=tty0 console=ttyS0,115200n8";

/// The templates, and what is the same in every script.
#[derive(Debug)]
pub(crate) struct Scripts {
    templates: Environment<'static>,
    ca: CaFingerprint,
    agent_port: u16,
    http_port: u16,
    extra_kernel_words: Vec<String>,
}

#[derive(Serialize)]
struct MachineWords {
    mac: MacAddr,
    reason: &'static str,
    server: Ipv4Addr,
    /// Where grub finds the boot files: `(tftp,SERVER)/amorce`, or the image it was started from.
    files: String,
    http: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel_words: Option<String>,
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
        for (name, source) in [
            (
                IPXE_MACHINE,
                include_str!("../../ipxe-scripts/ipxe/machine.ipxe.j2"),
            ),
            (GRUB, include_str!("../../ipxe-scripts/grub/grub.cfg.j2")),
            (
                GRUB_MACHINE,
                include_str!("../../ipxe-scripts/grub/machine.cfg.j2"),
            ),
        ] {
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

    /// What iPXE shall do. The token is there if the plan is the agent.
    pub(crate) fn ipxe(
        &self,
        facts: &BootFacts,
        plan: &BootPlan,
        token: Option<&str>,
    ) -> Result<String, minijinja::Error> {
        self.render(IPXE_MACHINE, self.machine_words(facts, plan, token))
    }

    /// What grub reads first.
    pub(crate) fn grub(&self, server: Ipv4Addr) -> Result<String, minijinja::Error> {
        let rest = self.render(GRUB, ServerWords { server })?;
        Ok(format!("{START_DISK}\n{rest}"))
    }

    /// All that grub reads when it was started from the machine's own image.
    pub(crate) fn grub_image(
        &self,
        facts: &BootFacts,
        plan: &BootPlan,
        token: Option<&str>,
    ) -> Result<String, minijinja::Error> {
        let mut words = self.machine_words(facts, plan, token);
        words.files = "($root)/amorce".into();
        Ok(format!("{START_DISK}\n{}", self.render(GRUB_MACHINE, words)?))
    }

    /// What grub shall do on this machine. The token is there if the plan is the agent.
    pub(crate) fn grub_machine(
        &self,
        facts: &BootFacts,
        plan: &BootPlan,
        token: Option<&str>,
    ) -> Result<String, minijinja::Error> {
        self.render(GRUB_MACHINE, self.machine_words(facts, plan, token))
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

    fn machine_words(&self, facts: &BootFacts, plan: &BootPlan, token: Option<&str>) -> MachineWords {
        let kernel_words = token.map(|token| {
            let ours = AgentCommandLine {
                agent: SocketAddr::from((facts.server, self.agent_port)),
                ca: self.ca,
                token: token.to_owned(),
                mac: Some(facts.mac),
            };
            let mut words = CONSOLES.to_owned();
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
            kernel_words,
        }
    }

    fn render(&self, template: &str, words: impl Serialize) -> Result<String, minijinja::Error> {
        self.templates.get_template(template)?.render(Serde(words))
    }
}

/// Whether a token may stand in a script and on a command line.
pub(crate) fn is_token(token: &str) -> bool {
    (1..=128).contains(&token.len())
        && token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::boot::{AgentReason, ClientArchitecture, LocalReason};
    use std::{env, fs, path::Path};

    const LOCAL: BootPlan = BootPlan::LocalDisk {
        reason: LocalReason::NoJob,
    };
    const AGENT: BootPlan = BootPlan::Agent {
        reason: AgentReason::Job,
    };
    const TOKEN: &str = "pK3_exampletokenexampletokenexampletoken-43";

    fn scripts() -> Scripts {
        Scripts::new(CaFingerprint([0xab; 32]), 8443, 8080, vec!["nomodeset".into()]).unwrap()
    }

    fn facts() -> BootFacts {
        BootFacts {
            mac: "52:54:00:ab:cd:ef".parse().unwrap(),
            uuid: Some("4c4c4544-0042-3510-8052-b4c04f4d5a31".parse().unwrap()),
            architecture: Some(ClientArchitecture::X86Bios),
            server: Ipv4Addr::new(192, 0, 2, 1),
        }
    }

    /// Compares with the file beside the template, or writes it when UPDATE_GOLDEN is set.
    fn golden(name: &str, rendered: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../ipxe-scripts")
            .join(name);
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, rendered).unwrap();
        }
        assert_eq!(rendered, fs::read_to_string(&path).unwrap(), "{name}");
        assert!(rendered.is_ascii(), "{name}");
    }

    #[test]
    fn golden_scripts_are_what_is_rendered() {
        let (scripts, facts) = (scripts(), facts());
        golden(
            "ipxe/machine.agent.golden.ipxe",
            &scripts.ipxe(&facts, &AGENT, Some(TOKEN)).unwrap(),
        );
        golden(
            "ipxe/machine.local-disk.golden.ipxe",
            &scripts.ipxe(&facts, &LOCAL, None).unwrap(),
        );
        golden("grub/grub.golden.cfg", &scripts.grub(facts.server).unwrap());
        golden(
            "grub/machine.agent.golden.cfg",
            &scripts.grub_machine(&facts, &AGENT, Some(TOKEN)).unwrap(),
        );
        golden(
            "grub/machine.local-disk.golden.cfg",
            &scripts.grub_machine(&facts, &LOCAL, None).unwrap(),
        );
        golden(
            "grub/image.agent.golden.cfg",
            &scripts.grub_image(&facts, &AGENT, Some(TOKEN)).unwrap(),
        );
    }

    #[test]
    fn the_agent_finds_its_words_on_the_kernel_line_of_every_loader() {
        let (scripts, facts) = (scripts(), facts());
        for script in [
            scripts.ipxe(&facts, &AGENT, Some(TOKEN)).unwrap(),
            scripts.grub_machine(&facts, &AGENT, Some(TOKEN)).unwrap(),
        ] {
            let line = script.lines().find(|line| line.contains("vmlinuz")).unwrap();
            let found = AgentCommandLine::parse(line.split_once(" ||").map_or(line, |(line, _)| line));
            let found = found
                .or_else(|_| AgentCommandLine::parse(&line.replace("; then", "")))
                .unwrap();
            assert_eq!(found.agent, "192.0.2.1:8443".parse().unwrap());
            assert_eq!((found.token.as_str(), found.mac), (TOKEN, Some(facts.mac)));
        }
    }

    #[test]
    fn every_reason_is_ascii_and_no_script_by_itself() {
        let plans = [
            LocalReason::NoJob,
            LocalReason::UnknownIgnored,
            LocalReason::Quarantined,
        ]
        .map(|reason| BootPlan::LocalDisk { reason })
        .into_iter()
        .chain([BootPlan::LocalDisk {
            reason: LocalReason::CatalogUnavailable,
        }])
        .chain(
            [
                AgentReason::Unknown,
                AgentReason::Job,
                AgentReason::NothingBootable,
            ]
            .map(|reason| BootPlan::Agent { reason }),
        );
        for plan in plans {
            let words = plan_in_words(&plan);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" :,".contains(&byte);
            assert!(words.bytes().all(plain), "{words}");
        }
    }

    #[test]
    fn the_url_fits_the_file_field_of_dhcp() {
        let facts = BootFacts {
            server: Ipv4Addr::new(255, 255, 255, 255),
            ..facts()
        };
        let scripts = Scripts::new(CaFingerprint([0; 32]), 8443, 65535, Vec::new()).unwrap();
        assert!(scripts.ipxe_url(&facts).len() < 128);
    }

    #[test]
    fn a_token_is_one_plain_word() {
        assert!(is_token(TOKEN));
        for token in ["", "a b", "a;b", "${x}", "a\n", &"a".repeat(129)] {
            assert!(!is_token(token), "{token:?}");
        }
    }
}
