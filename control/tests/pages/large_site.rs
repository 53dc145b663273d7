//! A site with many machines, jobs and rows of the audit, made as people and machines make them: by hello, import and edit.

use axum::Router;
use catalog::{
    Actor, AuditFilter, Catalog, Clock, FileKind, Import, ImportFile, JobWish, MachineEdit, MachineFilter,
    ManualClock, MasterVersions, Scope, Time,
};
use control::{Appliance, ApplianceState, Control, admin_router};
use depot::server::DepotServer;
use protocol::{
    ByteLen, JobId, MachineId, MasterName,
    agent::{AGENT_PROTOCOL, Hello},
    boot::BootFacts,
    disk::{DiskFacts, DiskIdentity},
    job::Step,
    mac::MacAddr,
    machine::{Firmware, MachineFacts, NicFacts, Smbios},
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const PASSWORD: &str = "correct horse battery";

/// How large.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub machines: u32,
    pub audit_rows: u64,
    pub jobs: usize,
    /// Calls of each page.
    pub rounds: usize,
}

impl Size {
    pub const WHOLE: Self = Self {
        machines: 10_000,
        audit_rows: 1_000_000,
        jobs: 1000,
        rounds: 200,
    };
    pub const SMALL: Self = Self {
        machines: 200,
        audit_rows: 1000,
        jobs: 5,
        rounds: 10,
    };
}

/// The site.
pub struct LargeSite {
    control: Control,
    router: Router,
    clock: Arc<ManualClock>,
    cookie: String,
    machines: Vec<MachineId>,
    jobs: Vec<JobId>,
    edits: AtomicU64,
    opened_in: Duration,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

struct Nothing;

impl Appliance for Nothing {
    fn state(&self) -> ApplianceState {
        ApplianceState::default()
    }

    fn wake(&self, _: &[MacAddr], _: Option<&str>) -> Result<usize, String> {
        Ok(0)
    }

    fn check_address_pools(&self, _: &[catalog::AddressPool]) -> Result<(), String> {
        Ok(())
    }

    fn netboot_images(&self) -> control::view::NetBootImages {
        control::view::NetBootImages::default()
    }
}

impl MasterVersions for Nothing {
    fn newest(&self, _: &MasterName) -> catalog::Result<Option<u32>> {
        Ok(None)
    }

    fn has(&self, _: &MasterName, _: u32) -> catalog::Result<bool> {
        Ok(false)
    }

    fn check_whole(&self, _: &MasterName, _: u32) -> catalog::Result<()> {
        Ok(())
    }
}

impl LargeSite {
    pub fn make(size: Size) -> Self {
        // In memory: what is measured is the work, not this machine's disk.
        let folder = tempfile::Builder::new()
            .prefix("amorce-pages-")
            .tempdir_in("/dev/shm")
            .unwrap();
        let path = folder.path().join("catalog.sqlite");
        let clock = Arc::new(ManualClock::new(Time(1_700_000_000_000)));
        let open = || Catalog::open_with_clock(&path, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let made = open();
        made.create_administrator("ada", PASSWORD, &actor(0)).unwrap();
        let seen = size.machines / 2;
        (0..seen).for_each(|number| enter(&made, number));
        register(&made, seen..size.machines, size.audit_rows, &clock);
        let machines = made.machine_ids(&everything(), u32::MAX).unwrap();
        assert_eq!(machines.len() as u32, size.machines);
        let jobs = (0..size.jobs).map(|number| {
            let machines = machines
                .iter()
                .skip(number * 7 % 100)
                .step_by(machines.len() / 20 + 1);
            let wish = JobWish {
                scope: catalog::Scope::Everything,
                title: Some(format!("inventory {number}")),
                machines: machines.copied().collect(),
                steps: vec![Step::Inspect],
                ..JobWish::default()
            };
            let (job, _) = made
                .create_job(wish, &Nothing, &actor(number as u64), None)
                .unwrap();
            if number % 10 != 0 {
                made.cancel_job(job, &actor(1)).unwrap();
            }
            job
        });
        let jobs = jobs.collect();
        drop(made);
        let begun = Instant::now();
        let catalog = open();
        let opened_in = begun.elapsed();
        let log_in = catalog::LogIn {
            name: "ada".into(),
            password: PASSWORD.into(),
            ..catalog::LogIn::default()
        };
        let (cookie, _) = catalog.log_in(&log_in).unwrap();
        let depot = Arc::new(DepotServer::open(&folder.path().join("depot")).unwrap());
        let control = Control::new(catalog, depot, Arc::new(Nothing));
        Self {
            router: admin_router(control.clone(), Router::new()),
            control,
            clock,
            cookie,
            machines,
            jobs,
            edits: AtomicU64::new(0),
            opened_in,
            path,
            _folder: folder,
        }
    }

    pub fn catalog(&self) -> &Catalog {
        self.control.catalog()
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    pub fn opened_in(&self) -> Duration {
        self.opened_in
    }

    pub fn catalog_len(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    /// Nobody calls a hundred times in one instant: the limit of calls is not what is measured.
    pub fn let_time_pass(&self) {
        self.clock.advance(Duration::from_millis(50));
    }

    /// A person renames a machine.
    pub fn edit_one(&self) {
        let number = self.edits.fetch_add(1, Ordering::Relaxed);
        let place = usize::try_from(number).unwrap() * 37 % self.machines.len();
        let edit = MachineEdit {
            note: Some(format!("edited {number}")),
            ..MachineEdit::default()
        };
        self.catalog()
            .edit_machine(self.machines[place], &edit, None, &actor(number))
            .unwrap();
    }

    /// Every page, each with several ways to ask for it.
    pub fn pages(&self) -> Vec<(&'static str, Vec<String>)> {
        let last = self.catalog().audit(&whole_audit(), None, 1).unwrap().total;
        let some = |make: &dyn Fn(u64) -> String| (0..20).map(make).collect::<Vec<_>>();
        let one = |path: &str| vec![path.to_owned()];
        let machine =
            |number: u64| self.machines[usize::try_from(number).unwrap() * self.machines.len() / 20];
        let job = |number: u64| self.jobs[usize::try_from(number).unwrap() * self.jobs.len() / 20];
        let time = |part: u64| Time(1_700_000_000_000 + i64::try_from(part).unwrap() * 600_000);
        vec![
            ("machines", one("/machines")),
            (
                "machines, 200 on a page, deep",
                some(&|n| format!("/machines?limit=200&after={}", machine(n))),
            ),
            (
                "machines by name, deep",
                some(&|n| format!("/machines?sort=name&after={}pc-{:08}", machine(n), n * 400)),
            ),
            (
                "machines, longest silent first",
                one("/machines?sort=last-seen&limit=200"),
            ),
            (
                "machines with a serial number",
                some(&|n| format!("/machines?q=SERIAL{}", n * 91)),
            ),
            (
                "machines with three words",
                some(&|n| format!("/machines?q=opti%20pc-{n}%20acme&sort=name")),
            ),
            (
                "machines with words that nobody has",
                one("/machines?q=there%20is%20none"),
            ),
            (
                "machines registered and never seen",
                one("/machines?is=not-inventoried"),
            ),
            ("machines in jobs, by name", one("/machines?is=in-job&sort=name")),
            (
                "machines banned, warned or connected",
                [
                    "/machines?is=quarantined",
                    "/machines?is=warned",
                    "/machines?is=connected",
                    "/machines?firmware=uefi",
                ]
                .map(str::to_owned)
                .to_vec(),
            ),
            (
                "machines silent since",
                some(&|n| format!("/machines?seen_before={}", time(n))),
            ),
            ("a machine", some(&|n| format!("/machines/{}", machine(n)))),
            (
                "a machine's history",
                some(&|n| format!("/machines/{}/history", machine(n))),
            ),
            (
                "a machine's boots",
                some(&|n| format!("/machines/{}/boots", machine(n))),
            ),
            ("jobs", one("/jobs?limit=50")),
            ("jobs that are queued", one("/jobs?state=queued&limit=50")),
            ("a job", some(&|n| format!("/jobs/{}", job(n)))),
            ("audit", one("/audit")),
            (
                "audit, 200 on a page, deep",
                some(&|n| format!("/audit?limit=200&after={}", last * n / 20 + 1)),
            ),
            ("audit of a kind of thing", one("/audit?object=machine&limit=200")),
            ("audit of a rare kind of thing", one("/audit?object=person")),
            (
                "audit of a machine",
                some(&|n| format!("/audit?object=machine&object_id={}", machine(n))),
            ),
            ("audit of a person", some(&|n| format!("/audit?actor=person-{n}"))),
            (
                "audit of a span of time",
                some(&|n| format!("/audit?from={}&to={}", time(n), time(n + 40))),
            ),
            (
                "audit of a person in a span of time",
                some(&|n| format!("/audit?actor=person-{n}&from={}&to={}", time(n), time(n + 4))),
            ),
            (
                "audit with a word of few rows",
                some(&|n| format!("/audit?q=SERIAL{}", n * 91 + 5000)),
            ),
            (
                "audit with a word of every row",
                one("/audit?q=pc&object=machine"),
            ),
            ("audit with a beginning of words", one("/audit?q=ser")),
            (
                "audit with words and a kind that never meet",
                one("/audit?q=pc&object=person"),
            ),
            (
                "audit with words in a span of time",
                some(&|n| format!("/audit?q=pc%20round&from={}&to={}", time(n), time(n + 4))),
            ),
            (
                "audit with words that nobody wrote",
                one("/audit?q=there%20is%20none"),
            ),
            ("masters", one("/masters")),
            ("server", one("/server")),
            ("settings", one("/settings")),
        ]
    }
}

fn everything() -> MachineFilter {
    MachineFilter {
        scope: Scope::Everything,
        ..MachineFilter::default()
    }
}

fn whole_audit() -> AuditFilter {
    AuditFilter {
        scope: Scope::Everything,
        ..AuditFilter::default()
    }
}

fn actor(number: u64) -> Actor {
    Actor {
        name: format!("person-{}", number % 40),
        peer: Some(format!("192.0.2.{}", number % 250)),
    }
}

fn mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x52, 0x54, a, b, c, d])
}

/// A machine is booted into the agent for the first time.
fn enter(catalog: &Catalog, number: u32) {
    let facts = BootFacts {
        mac: mac(number),
        uuid: None,
        architecture: None,
        server: "192.0.2.1".parse().unwrap(),
    };
    let identity = DiskIdentity {
        serial: Some(format!("DISK{number}")),
        model: Some("Samsung SSD 980 500GB".into()),
        size: ByteLen(500_107_862_016),
        ..DiskIdentity::default()
    };
    let disk = DiskFacts {
        bootable: !number.is_multiple_of(50),
        // As long as `imager inspect` writes it of a disk with four partitions.
        contents: Some(format!("{{\"partitions\":\"{}\"}}", "x".repeat(6000))),
        ..DiskFacts::internal("nvme0n1", identity)
    };
    let hello = Hello {
        protocol: AGENT_PROTOCOL,
        version: "1".into(),
        token: catalog.boot_token(&facts, None).unwrap(),
        mac: Some(mac(number)),
        facts: MachineFacts {
            smbios: Smbios {
                uuid: Some(uuid::Uuid::from_u128(
                    0x4c4c_4544_0042_3510_8054_b7c0_0000_0000 + u128::from(number),
                )),
                manufacturer: "Acme".into(),
                product: format!("OptiPlex {}", 3000 + number % 9 * 10),
                serial: format!("SERIAL{number}"),
                board_serial: format!("BOARD/{number}/"),
                bios: "Acme 1.14.0".into(),
            },
            firmware: Firmware::Uefi,
            cpu: "Intel(R) Core(TM) i5-8500 CPU @ 3.00GHz".into(),
            cpu_count: 6,
            memory: ByteLen(8 << 30),
            nics: vec![NicFacts {
                name: "eth0".into(),
                mac: mac(number),
                driver: "r8169".into(),
                usb: false,
                link: true,
                booted: true,
            }],
            disks: vec![disk],
            warnings: Vec::new(),
        },
    };
    catalog.hello(&hello).unwrap();
}

/// Registers machines by a table, and changes them by it until the audit is as long as wanted.
fn register(catalog: &Catalog, numbers: std::ops::Range<u32>, audit_rows: u64, clock: &ManualClock) {
    let mut round = 0;
    while catalog.audit(&whole_audit(), None, 1).unwrap().total < audit_rows {
        let mut table = String::from("name,mac,serial,product,note\n");
        for number in numbers.clone() {
            writeln!(
                table,
                "pc-{number},{},SERIAL{number},OptiPlex 3060,round {round}",
                mac(number)
            )
            .unwrap();
        }
        let import = Import {
            file: ImportFile {
                kind: FileKind::Csv,
                bytes: table.into_bytes(),
                separator: None,
                encoding: None,
            },
            columns: BTreeMap::new(),
            key: None,
            rehearse: false,
            leave_out_refused: false,
        };
        assert!(catalog.import_machines(&import, &actor(round)).unwrap().applied);
        clock.advance(Duration::from_secs(60));
        round += 1;
    }
}
