//! The services on loopback and free ports, for the tests of each protocol.

mod flood;

use super::*;
use crate::{decision::DecisionError, event::Happening};
use protocol::{boot::AgentReason, cmdline::CaFingerprint};
use std::{
    fs,
    net::UdpSocket,
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

/// Always the agent, with one token; remembers what it was told.
struct Memory {
    token: Result<String, DecisionError>,
    told: Mutex<Vec<BootEvent>>,
}

impl Decisions for Memory {
    fn plan(&self, _: &BootFacts) -> BootPlan {
        BootPlan::Agent {
            reason: AgentReason::Job,
        }
    }

    fn boot_token(&self, _: &BootFacts, _: Option<&EntryKey>) -> Result<String, DecisionError> {
        self.token.clone()
    }

    fn observe(&self, event: BootEvent) {
        self.told.lock().unwrap().push(event);
    }
}

/// Services that run.
pub(crate) struct Running {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) http: SocketAddr,
    pub(crate) tftp_port: u16,
    boot_server_port: u16,
    memory: Arc<Memory>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with_token(Ok("token-1".into())).await
    }

    async fn start_with_token(token: Result<String, DecisionError>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("boot")).unwrap();
        let memory = Arc::new(Memory {
            token,
            told: Mutex::default(),
        });
        let services = BootServices::bind(config(folder.path().join("boot")), memory.clone())
            .await
            .unwrap();
        let http = services.http_address().unwrap();
        let (_, boot_server_port, tftp_port) = services.udp_ports().unwrap().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(services.run(stop.clone()));
        Self {
            folder,
            http,
            tftp_port,
            boot_server_port,
            memory,
            stop,
            task,
        }
    }

    pub(crate) fn boot_folder(&self) -> PathBuf {
        self.folder.path().join("boot")
    }

    /// What was told so far, in words.
    pub(crate) fn told(&self) -> Vec<String> {
        self.memory
            .told
            .lock()
            .unwrap()
            .iter()
            .map(|event| event.happening.to_string())
            .collect()
    }

    /// Waits until so many of the things told contain `text`: a client may end before the service has noted it.
    pub(crate) async fn wait_until_told(&self, text: &str, count: usize) {
        let told = || self.told().iter().filter(|told| told.contains(text)).count();
        let enough = async {
            while told() < count {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), enough).await;
        assert!(
            waited.is_ok(),
            "not {count} times told: {text}, but {:#?}",
            self.told()
        );
    }

    /// Stops the services and waits until they are gone.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(Duration::from_secs(10), self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

fn config(boot_folder: PathBuf) -> Config {
    Config {
        interfaces: vec!["lo".into()],
        http: ([127, 0, 0, 1], 0).into(),
        agent_port: 8443,
        ca: CaFingerprint([0xab; 32]),
        boot_folder,
        extra_kernel_words: Vec::new(),
        pools: Vec::new(),
        ports: Ports {
            dhcp: 0,
            dhcp_client: 0,
            boot_server: 0,
            tftp: 0,
        },
    }
}

async fn refusal(config: Config) -> String {
    let memory = Arc::new(Memory {
        token: Ok(String::new()),
        told: Mutex::default(),
    });
    match BootServices::bind(config, memory).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_keeps_the_services_from_starting_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let good = || config(folder.path().to_owned());
    let text = refusal(Config {
        interfaces: vec!["absent0".into()],
        ..good()
    })
    .await;
    assert!(text.contains("absent0") && text.contains("lo"), "{text}");
    let text = refusal(Config {
        interfaces: Vec::new(),
        ..good()
    })
    .await;
    assert!(text.contains("--interface"), "{text}");
    let text = refusal(Config {
        boot_folder: "/absent".into(),
        ..good()
    })
    .await;
    assert!(
        text.contains("/absent") && text.contains("boot-files build"),
        "{text}"
    );
    let text = refusal(Config {
        extra_kernel_words: vec!["a;b".into()],
        ..good()
    })
    .await;
    assert!(text.contains("a;b"), "{text}");
    let taken = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = refusal(Config {
        ports: Ports {
            tftp: port,
            ..good().ports
        },
        ..good()
    })
    .await;
    assert!(text.contains(&format!("UDP port {port} is in use by ")), "{text}");
    assert!(
        text.contains(&format!("(process {})", std::process::id())),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn port_4011_answers_from_itself_to_the_port_that_asked() {
    let services = Running::start().await;
    fs::write(services.boot_folder().join("shimx64.efi"), "shim").unwrap();
    let packet = crate::dhcp::testdata::packet("ovmf-request-4011");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], services.boot_server_port));
    // Noise before it changes nothing.
    for noise in [&b""[..], &[0xff; 600], &[1; 300]] {
        socket.send_to(noise, server).unwrap();
    }
    let begin = Instant::now();
    socket.send_to(&packet.encode(), server).unwrap();
    let mut answer = [0; 2000];
    let (len, from) = tokio::task::block_in_place(|| socket.recv_from(&mut answer)).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(from, server);
    let answer = protocol::dhcp::Packet::parse(&answer[..len]).unwrap();
    assert_eq!(answer.boot_file().as_deref(), Some("amorce/shimx64.efi"));
    assert_eq!(answer.next_server, Ipv4Addr::LOCALHOST);
    services.stop().await;
}

#[tokio::test]
async fn a_machine_whose_token_cannot_be_had_starts_its_own_disk() {
    for token in [
        Err(DecisionError("the disk is full".into())),
        Ok("two words".to_owned()),
    ] {
        let services = Running::start_with_token(token).await;
        let url = format!("http://{}/boot/ipxe?mac=52:54:00:00:00:01", services.http);
        let output = tokio::process::Command::new("curl")
            .args(["-sSf", "--max-time", "20", &url])
            .output()
            .await
            .unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            script.starts_with("#!ipxe") && !script.contains("vmlinuz"),
            "{script}"
        );
        let events = services.memory.told.lock().unwrap().clone();
        assert!(
            events
                .iter()
                .any(|event| matches!(event.happening, Happening::NoToken { .. }))
        );
        services.stop().await;
    }
}
