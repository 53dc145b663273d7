use super::*;
use proptest::prelude::*;
use protocol::{
    boot::{AgentReason, ClientArchitecture, LocalReason},
    job::Step,
    menu::{Menu, MenuEntry, MenuLanguage, WakeDefault},
};
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

fn usual(loader: Loader) -> LocalWay {
    match loader {
        Loader::Ipxe => LocalWay::Exit,
        Loader::Grub | Loader::Image => LocalWay::Loader,
    }
}

/// What a loader is told when every file is there.
fn told(loader: Loader, plan: &BootPlan) -> String {
    let facts = facts();
    let telling = Telling {
        facts: &facts,
        plan,
        token: matches!(plan, BootPlan::Agent { .. }).then_some(TOKEN),
        console: LoaderConsole::default(),
        way: usual(loader),
    };
    scripts().machine(loader, &telling, &|_| true).unwrap()
}

fn entry(key: &str, label: &str, action: EntryAction) -> MenuEntry {
    MenuEntry {
        key: key.parse().unwrap(),
        label: label.into(),
        action,
        locked: false,
        hotkey: None,
    }
}

fn menu() -> Menu {
    let restore: Step =
        serde_json::from_str(r#"{"kind":"restore","master":{"name":"debian","version":null}}"#).unwrap();
    let kernel: EntryAction = serde_json::from_str(
        r#"{"kind":"kernel","kernel":"rescue/vmlinuz","initrd":["rescue/a.img","rescue/b.img"],"words":"quiet"}"#,
    )
    .unwrap();
    let program = |file: &str| EntryAction::Program {
        file: file.parse().unwrap(),
        unsigned: true,
    };
    Menu {
        title: "Lycée Ada – salle 12".into(),
        entries: vec![
            MenuEntry {
                hotkey: Some("l".parse().unwrap()),
                ..entry("local-disk", "Démarrer le disque", EntryAction::LocalDisk)
            },
            MenuEntry {
                locked: true,
                ..entry(
                    "restore",
                    "Réinstaller \"Debian\"",
                    EntryAction::Job { steps: vec![restore] },
                )
            },
            entry("amorce", "Amorce", EntryAction::Agent),
            entry("memory", "Test de la mémoire", EntryAction::MemoryTest),
            entry("rescue", "Secours", kernel),
            entry("shell", "Shell EFI", program("shell.efi")),
            entry("hdt", "HDT", program("hdt.0")),
            entry(
                "live",
                "Live",
                EntryAction::DiskImage {
                    file: "live.iso".parse().unwrap(),
                },
            ),
            entry(
                "windows",
                "Windows PE",
                EntryAction::Windows {
                    folder: "winpe".parse().unwrap(),
                },
            ),
            entry(
                "other",
                "Autre serveur",
                EntryAction::OtherServer {
                    server: "192.0.2.9".parse().unwrap(),
                    file: "pxelinux.0".parse().unwrap(),
                },
            ),
        ],
        default: "local-disk".parse().unwrap(),
        timeout_seconds: Some(10),
        hidden: false,
        wake: Some(WakeDefault {
            default: "amorce".parse().unwrap(),
            timeout_seconds: 0,
        }),
        console: LoaderConsole::default(),
    }
}

#[test]
fn golden_scripts_are_what_is_rendered() {
    golden("ipxe/machine.agent.golden.ipxe", &told(Loader::Ipxe, &AGENT));
    golden("ipxe/machine.local-disk.golden.ipxe", &told(Loader::Ipxe, &LOCAL));
    golden("grub/grub.golden.cfg", &scripts().grub(facts().server).unwrap());
    golden("grub/machine.agent.golden.cfg", &told(Loader::Grub, &AGENT));
    golden("grub/machine.local-disk.golden.cfg", &told(Loader::Grub, &LOCAL));
    golden("grub/image.agent.golden.cfg", &told(Loader::Image, &AGENT));
}

#[test]
fn the_other_ways_to_the_disk_are_what_is_rendered() {
    let facts = facts();
    let other = |loader: Loader| {
        let telling = Telling {
            facts: &facts,
            plan: &LOCAL,
            token: None,
            console: LoaderConsole::default(),
            way: usual(loader).next(),
        };
        scripts().machine(loader, &telling, &|_| true).unwrap()
    };
    golden("ipxe/machine.first-disk.golden.ipxe", &other(Loader::Ipxe));
    golden("grub/machine.next-entry.golden.cfg", &other(Loader::Grub));
}

#[test]
fn golden_menus_are_what_is_rendered() {
    let shown = BootPlan::Menu { menu: menu() };
    golden("ipxe/menu.golden.ipxe", &told(Loader::Ipxe, &shown));
    golden("grub/menu.golden.cfg", &told(Loader::Grub, &shown));
    let hidden = BootPlan::Menu {
        menu: Menu {
            hidden: true,
            wake: None,
            timeout_seconds: Some(2),
            console: LoaderConsole {
                language: MenuLanguage::En,
                serial: Some(SerialLine { port: 1, speed: 9600 }),
                ..LoaderConsole::default()
            },
            ..menu()
        },
    };
    golden("ipxe/menu.hidden.golden.ipxe", &told(Loader::Ipxe, &hidden));
    let facts = facts();
    let telling = Telling {
        facts: &facts,
        plan: &hidden,
        token: None,
        console: LoaderConsole {
            serial: Some(SerialLine { port: 1, speed: 9600 }),
            ..LoaderConsole::default()
        },
        way: LocalWay::Loader,
    };
    let rendered = scripts().machine(Loader::Grub, &telling, &|_| true).unwrap();
    golden("grub/menu.hidden.golden.cfg", &rendered);
}

#[test]
fn golden_starts_are_what_is_rendered() {
    for entry in menu().entries {
        let (key, plan) = (entry.key.clone(), BootPlan::Start { entry });
        match key.as_str() {
            "memory" | "rescue" | "hdt" | "live" | "windows" | "other" => {
                golden(
                    &format!("ipxe/start.{key}.golden.ipxe"),
                    &told(Loader::Ipxe, &plan),
                );
            }
            _ => {}
        }
        if matches!(key.as_str(), "memory" | "rescue" | "shell") {
            golden(
                &format!("grub/start.{key}.golden.cfg"),
                &told(Loader::Grub, &plan),
            );
        }
    }
}

#[test]
fn an_entry_is_on_the_menu_only_where_it_could_start() {
    let plan = BootPlan::Menu { menu: menu() };
    let facts = facts();
    let drawn = |loader, has: &dyn Fn(&str) -> bool| {
        let telling = Telling {
            facts: &facts,
            plan: &plan,
            token: None,
            console: LoaderConsole::default(),
            way: usual(loader),
        };
        scripts().machine(loader, &telling, has).unwrap()
    };
    let nothing = drawn(Loader::Ipxe, &|_| false);
    let all = drawn(Loader::Ipxe, &|_| true);
    for key in ["memory", "rescue", "hdt", "live", "windows"] {
        assert!(!nothing.contains(&format!("item {key} ")), "{key}");
        assert!(all.contains(&format!("item {key} ")), "{key}");
    }
    assert!(!all.contains("item shell "), "an EFI program under BIOS");
    assert!(all.contains("item restore Reinstaller 'Debian' (mot de passe)\n"));
    let grub = drawn(Loader::Grub, &|_| true);
    for (key, unsigned) in [
        ("memory", true),
        ("shell", true),
        ("rescue", false),
        ("amorce", false),
    ] {
        let at = grub.find(&format!("--id {key}")).unwrap();
        let before = grub[..at].rsplit('\n').nth(1).unwrap();
        assert_eq!(before == "if [ \"$lockdown\" != y ]; then", unsigned, "{key}");
    }
    for key in ["live", "windows", "hdt", "other"] {
        assert!(!grub.contains(&format!("--id {key}")), "{key}");
    }
}

#[test]
fn a_default_that_cannot_be_shown_gives_way_to_the_disk() {
    let unsigned = Menu {
        default: "memory".parse().unwrap(),
        ..menu()
    };
    let plan = BootPlan::Menu { menu: unsigned };
    assert!(told(Loader::Grub, &plan).contains("set default=local-disk\n"));
    assert!(told(Loader::Ipxe, &plan).contains("set chosen memory\n"));
}

#[test]
fn the_agent_finds_its_words_on_the_kernel_line_of_every_loader() {
    for script in [told(Loader::Ipxe, &AGENT), told(Loader::Grub, &AGENT)] {
        let line = script.lines().find(|line| line.contains("vmlinuz")).unwrap();
        let found = AgentCommandLine::parse(line.split_once(" ||").map_or(line, |(line, _)| line));
        let found = found
            .or_else(|_| AgentCommandLine::parse(&line.replace("; then", "")))
            .unwrap();
        assert_eq!(found.agent, "192.0.2.1:8443".parse().unwrap());
        assert_eq!((found.token.as_str(), found.mac), (TOKEN, Some(facts().mac)));
    }
}

proptest! {
    /// Whatever people type, the script has the same lines with other words in them: nothing breaks out of its place.
    #[test]
    fn no_text_breaks_out_of_a_script(
        title in any::<String>(),
        label in prop_oneof![any::<String>(), "[ -~\n\r\t]{0,80}", "[;#|&${}`'\"\\\\ a-z\n-]{0,40}"],
    ) {
        let typed = |title: &str, label: &str| {
            let mut menu = menu();
            menu.title = title.into();
            for entry in &mut menu.entries {
                entry.label = label.into();
            }
            menu
        };
        let (plain, hostile) = (typed("TITLE", "LABEL"), typed(&title, &label));
        let (title, label) = (loader_text(&title), loader_text(&label));
        prop_assert!(!title.is_empty() && !label.is_empty());
        for text in [&title, &label] {
            let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b" .,:()-_/+=@!?*%'".contains(&byte);
            prop_assert!(text.bytes().all(harmless), "{text:?}");
            prop_assert!(!text.starts_with('-'), "{text:?}");
        }
        for loader in [Loader::Ipxe, Loader::Grub] {
            let wanted = told(loader, &BootPlan::Menu { menu: plain.clone() });
            let got = told(loader, &BootPlan::Menu { menu: hostile.clone() });
            let wanted = wanted.replace("TITLE", &title).replace("LABEL", &label);
            prop_assert_eq!(got, wanted);
        }
        let start = |menu: &Menu| BootPlan::Start { entry: menu.entries[4].clone() };
        for loader in [Loader::Ipxe, Loader::Grub] {
            let wanted = told(loader, &start(&plain)).replace("LABEL", &label);
            prop_assert_eq!(told(loader, &start(&hostile)), wanted);
        }
    }
}

#[test]
fn every_reason_is_ascii_and_no_script_by_itself() {
    let plans = [
        LocalReason::NoJob,
        LocalReason::UnknownIgnored,
        LocalReason::Quarantined,
        LocalReason::Chosen,
        LocalReason::Asked,
        LocalReason::NoSuchEntry,
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
            AgentReason::Chosen,
            AgentReason::Password,
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
