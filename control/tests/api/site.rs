//! An appliance without sockets.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use catalog::{Catalog, Clock, ManualClock, Time};
use control::{Appliance, ApplianceState, Control, Peer, admin_router, agent_router};
use depot::server::DepotServer;
use http_body_util::BodyExt;
use protocol::{
    ByteLen,
    agent::{AGENT_PROTOCOL, Hello},
    boot::BootFacts,
    disk::{DiskFacts, DiskIdentity},
    mac::MacAddr,
    machine::{MachineFacts, NicFacts, Smbios},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery";
pub const METRICS_TOKEN: &str = "let me count";

pub struct Site {
    pub control: Control,
    pub clock: Arc<ManualClock>,
    pub agents: Router,
    pub admin: Router,
    pub cookie: String,
    pub folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// Checks that this is a problem document with this status and code.
    #[track_caller]
    pub fn is_problem(&self, status: u16, code: &str) {
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        let text = |field| problem[field].as_str().unwrap_or_default();
        assert_eq!((self.status.as_u16(), text("code")), (status, code), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert!(
            !text("title").is_empty() && !text("remedy").is_empty(),
            "{problem}"
        );
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

struct Pretended;

impl Appliance for Pretended {
    fn wake(&self, macs: &[MacAddr], secure_on: Option<&str>) -> Result<usize, String> {
        match secure_on {
            Some("wrong") => Err("this is no password".into()),
            _ => Ok(macs.len()),
        }
    }

    fn check_address_pools(&self, pools: &[catalog::AddressPool]) -> Result<(), String> {
        match pools.iter().find(|pool| !pool.network.contains('/')) {
            Some(pool) => Err(format!("{} is no network", pool.network)),
            None => Ok(()),
        }
    }

    fn netboot_images(&self) -> control::view::NetBootImages {
        control::view::NetBootImages {
            serves: "old Macs".into(),
            ..Default::default()
        }
    }

    fn state(&self) -> ApplianceState {
        ApplianceState {
            version: "1.2.3".into(),
            ca_fingerprint: "ab".repeat(32),
            ..ApplianceState::default()
        }
    }
}

impl Site {
    /// With one administrator, `ada`, who is logged in.
    pub async fn new() -> Self {
        let mut site = Self::without_people();
        site.control
            .catalog()
            .create_administrator("ada", PASSWORD, &catalog::Actor::default())
            .unwrap();
        site.cookie = site.log_in().await;
        site
    }

    pub fn without_people() -> Self {
        Self::over(tempfile::tempdir().unwrap())
    }

    /// The same appliance after its catalog was lost, started again; `ada` administers it again.
    pub async fn without_its_catalog(self) -> Self {
        let Self {
            control,
            agents,
            admin,
            folder,
            ..
        } = self;
        drop((control, agents, admin));
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::remove_file(path).unwrap();
            }
        }
        let mut site = Self::over(folder);
        site.control
            .catalog()
            .create_administrator("ada", PASSWORD, &catalog::Actor::default())
            .unwrap();
        site.cookie = site.log_in().await;
        site
    }

    fn over(folder: tempfile::TempDir) -> Self {
        let clock = Arc::new(ManualClock::new(Time(1_700_000_000_000)));
        let path = folder.path().join("catalog.sqlite");
        let catalog = Catalog::open_with_clock(&path, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let depot = Arc::new(DepotServer::open(&folder.path().join("depot")).unwrap());
        let control =
            Control::with_metrics_token(catalog, depot, Arc::new(Pretended), Some(METRICS_TOKEN.into()));
        let page = Router::new().fallback(|| async { "the page" });
        let agents = agent_router(control.clone());
        let admin = admin_router(control.clone(), page);
        Self {
            control,
            clock,
            agents,
            admin,
            cookie: String::new(),
            folder,
        }
    }

    pub async fn log_in(&self) -> String {
        let body = json!({ "name": "ada", "password": PASSWORD });
        let answer = self
            .call_as(None, Method::POST, "/api/v1/sessions", Some(body))
            .await
            .is(201);
        cookie_of(&answer)
    }

    /// Calls the admin API as the page does.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(Some(&self.cookie), method, path, body).await
    }

    pub async fn call_as(
        &self,
        cookie: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "amorce.example:8444")
            .header(header::ORIGIN, "https://amorce.example:8444")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, format!("amorce_session={cookie}"));
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send_admin(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn send_admin(&self, mut request: Request<Body>) -> Answer {
        request
            .extensions_mut()
            .insert(Peer("192.0.2.77".parse().unwrap()));
        read(self.admin.clone().oneshot(request).await.unwrap()).await
    }

    pub async fn send_agent(&self, mut request: Request<Body>) -> Answer {
        request
            .extensions_mut()
            .insert(Peer("192.0.2.88".parse().unwrap()));
        read(self.agents.clone().oneshot(request).await.unwrap()).await
    }

    /// Calls the agent API.
    pub async fn agent(&self, key: Option<&str>, method: Method, path: &str, body: Vec<u8>) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        self.send_agent(request.body(Body::from(body)).unwrap()).await
    }

    pub async fn task(&self, key: &str) -> Answer {
        self.agent(Some(key), Method::GET, "/agent/v1/task", Vec::new())
            .await
    }

    pub async fn report(&self, key: &str, job: &Value, step_index: u32, outcome: Value) -> Answer {
        let body = json!({ "job": job, "step_index": step_index, "outcome": outcome });
        self.agent(
            Some(key),
            Method::POST,
            "/agent/v1/report",
            body.to_string().into(),
        )
        .await
    }

    pub fn token(&self, number: u8) -> String {
        self.control
            .catalog()
            .boot_token(&boot_facts(number), None)
            .unwrap()
    }

    pub async fn hello(&self, hello: &Hello) -> Answer {
        let body = serde_json::to_vec(hello).unwrap();
        self.agent(None, Method::POST, "/agent/v1/hello", body).await
    }

    /// Boots a machine into the agent. Its session key and its record.
    pub async fn enter(&self, number: u8, bootable: bool) -> (String, String) {
        let reply = self
            .hello(&hello(number, bootable, self.token(number)))
            .await
            .is(200)
            .json();
        let text = |field: &str| reply[field].as_str().unwrap().to_owned();
        (text("session_key"), text("machine"))
    }

    pub async fn refusals(&self) -> Vec<String> {
        let replay = self.control.catalog().events_after(0, 10_000).unwrap();
        let codes = replay.events.into_iter().filter_map(|event| match event.subject {
            catalog::Subject::Refusal { code, .. } => Some(code),
            _ => None,
        });
        codes.collect()
    }
}

async fn read(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

pub fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie
        .strip_prefix("amorce_session=")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

pub fn mac(number: u8) -> MacAddr {
    MacAddr([0x52, 0x54, 0, 0, 0, number])
}

pub fn boot_facts(number: u8) -> BootFacts {
    BootFacts {
        mac: mac(number),
        uuid: None,
        architecture: None,
        server: "192.0.2.1".parse().unwrap(),
    }
}

pub fn disk(serial: &str, bootable: bool) -> DiskFacts {
    let identity = DiskIdentity {
        serial: Some(serial.into()),
        size: ByteLen(1 << 30),
        ..DiskIdentity::default()
    };
    DiskFacts {
        bootable,
        contents: Some("{}".into()),
        ..DiskFacts::internal("vda", identity)
    }
}

pub fn hello(number: u8, bootable: bool, token: String) -> Hello {
    let uuid = 0x4c4c4544_0042_3510_8054_b7c04f4e3600 + u128::from(number);
    Hello {
        protocol: AGENT_PROTOCOL,
        version: "1".into(),
        token,
        mac: Some(mac(number)),
        facts: MachineFacts {
            smbios: Smbios {
                uuid: Some(uuid::Uuid::from_u128(uuid)),
                product: "<script>alert(1)</script>".into(),
                ..Smbios::default()
            },
            nics: vec![NicFacts {
                name: "eth0".into(),
                mac: mac(number),
                driver: "virtio_net".into(),
                usb: false,
                link: true,
                booted: true,
            }],
            disks: vec![disk(&format!("DISK{number}"), bootable)],
            ..MachineFacts::default()
        },
    }
}
