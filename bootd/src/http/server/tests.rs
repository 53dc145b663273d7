//! HTTP over loopback: what firmware does, written out byte by byte, and curl.

use crate::service::tests::Running;
use std::{fs, net::SocketAddr, process::Stdio};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Command,
};

/// Sends requests on one connection and reads answers that have a length.
struct Connection(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    async fn ask(&mut self, method: &str, path: &str, fields: &str) -> Answer {
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: UefiHttpBoot/1.0\r\n{fields}\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let len: usize = field(&head, "content-length").unwrap().parse().unwrap();
        let mut body = vec![0; if method == "HEAD" { 0 } else { len }];
        self.0.read_exact(&mut body).await.unwrap();
        Answer { status, head, body }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn firmware_asks_for_the_length_and_then_the_file_on_one_connection() {
    let services = Running::start().await;
    fs::write(services.boot_folder().join("shimx64.efi"), b"0123456789").unwrap();
    let mut connection = Connection::open(services.http).await;
    let path = "/boot//files//shimx64.efi";
    let head = connection.ask("HEAD", path, "").await;
    assert_eq!(
        (head.status, field(&head.head, "content-length")),
        (200, Some("10"))
    );
    assert_eq!(field(&head.head, "content-type"), Some("application/efi"));
    let whole = connection.ask("GET", path, "").await;
    assert_eq!((whole.status, &whole.body[..]), (200, &b"0123456789"[..]));
    let tag = field(&whole.head, "etag").unwrap().to_owned();
    let part = connection
        .ask("GET", path, &format!("Range: bytes=7-\r\nIf-Range: {tag}\r\n"))
        .await;
    assert_eq!((part.status, &part.body[..]), (206, &b"789"[..]));
    assert_eq!(field(&part.head, "content-range"), Some("bytes 7-9/10"));
    let other = connection
        .ask("GET", path, "Range: bytes=7-\r\nIf-Range: \"other\"\r\n")
        .await;
    assert_eq!((other.status, other.body.len()), (200, 10));
    let beyond = connection.ask("GET", path, "Range: bytes=10-\r\n").await;
    assert_eq!(
        (beyond.status, field(&beyond.head, "content-range")),
        (416, Some("bytes */10"))
    );
    for path in [
        "/boot/files/absent",
        "/boot/files/../../secret",
        "/boot/files/%2e%2e/x",
        "/",
        "/boot/ipxe?mac=x",
    ] {
        assert_eq!(connection.ask("GET", path, "").await.status, 404, "{path}");
    }
    assert_eq!(
        connection
            .ask("POST", "/boot/files/shimx64.efi", "Content-Length: 0\r\n")
            .await
            .status,
        405
    );
    drop(connection);
    services.stop().await;
}

#[tokio::test]
async fn ipxe_gets_a_script_with_the_words_of_the_agent() {
    let services = Running::start().await;
    let mut connection = Connection::open(services.http).await;
    let uuid = "4c4c4544-0042-3510-8052-b4c04f4d5a31";
    let script = connection
        .ask(
            "GET",
            &format!("/boot/ipxe?mac=52:54:00:ab:cd:ef&uuid={uuid}"),
            "",
        )
        .await;
    assert_eq!(
        (script.status, field(&script.head, "cache-control")),
        (200, Some("no-store"))
    );
    let text = String::from_utf8(script.body).unwrap();
    assert!(text.starts_with("#!ipxe\n"), "{text}");
    let line = text.lines().find(|line| line.starts_with("kernel ")).unwrap();
    let words = protocol::cmdline::AgentCommandLine::parse(line.split_once(" ||").unwrap().0).unwrap();
    assert_eq!(
        (words.agent.to_string(), words.token.as_str()),
        ("127.0.0.1:8443".into(), "token-1")
    );
    assert!(
        line.contains(&format!("http://{}/boot/files/vmlinuz", services.http)),
        "{line}"
    );
    let told = services.told();
    assert!(
        told.iter()
            .any(|told| told == "iPXE asked what to do: a job waits for this machine: starting the agent")
    );
    drop(connection);
    services.stop().await;
}

#[tokio::test]
async fn curl_gets_a_long_file_whole_and_resumes_it() {
    let services = Running::start().await;
    let file: Vec<u8> = (0..3_000_000u32).map(|number| number.to_be_bytes()[2]).collect();
    fs::write(services.boot_folder().join("initrd.img"), &file).unwrap();
    let target = services.folder.path().join("got");
    fs::write(&target, &file[..1_000_001]).unwrap();
    let url = format!("http://{}/boot/files/initrd.img", services.http);
    let mut curl = Command::new("curl");
    curl.args(["-sSf", "--max-time", "60", "-C", "-", "-o"])
        .arg(&target)
        .arg(&url)
        .stdin(Stdio::null());
    assert!(curl.status().await.unwrap().success());
    assert_eq!(fs::read(&target).unwrap(), file);
    services.stop().await;
}

#[tokio::test]
async fn noise_ends_only_its_own_connection() {
    let services = Running::start().await;
    fs::write(services.boot_folder().join("vmlinuz"), b"kernel").unwrap();
    for noise in [
        &b"\0\xff\xfe"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        &[b'a'; 40_000],
    ] {
        let mut stream = TcpStream::connect(services.http).await.unwrap();
        let _ = stream.write_all(noise).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let mut connection = Connection::open(services.http).await;
    assert_eq!(
        connection.ask("GET", "/boot/files/vmlinuz", "").await.body,
        b"kernel"
    );
    drop(connection);
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_asked_for_in_one_breath_come_in_their_order_also_to_a_slow_reader() {
    let services = Running::start().await;
    let content = |seed: u8, len: usize| -> Vec<u8> {
        (0..len)
            .map(|place| place.wrapping_mul(2_654_435_761).to_be_bytes()[4] ^ seed)
            .collect()
    };
    // Longer than a thread's turn, than what the kernel keeps for a connection, and than a page.
    let lengths = [("a", 17 << 20), ("b", 3), ("c", 5 << 20)];
    for (seed, (name, len)) in (1..).zip(lengths) {
        fs::write(services.boot_folder().join(name), content(seed, len)).unwrap();
    }
    let mut stream = TcpStream::connect(services.http).await.unwrap();
    for (name, _) in lengths {
        let words = format!("GET /boot/files/{name} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(words.as_bytes()).await.unwrap();
    }
    for (seed, (name, len)) in (1..).zip(lengths) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{name}");
        let mut body = vec![0; len];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == content(seed, len), "{name} is another's");
    }
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_became_shorter_ends_the_connection_and_nothing_else() {
    let services = Running::start().await;
    let path = services.boot_folder().join("initrd");
    fs::write(&path, vec![7; 64 << 20]).unwrap();
    let mut stream = TcpStream::connect(services.http).await.unwrap();
    stream
        .write_all(b"GET /boot/files/initrd HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    stream.read_u8().await.unwrap();
    fs::write(&path, vec![7; 10]).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(
        rest.len() < 64 << 20,
        "{} bytes of a file that has ten",
        rest.len()
    );
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "20"])
        .arg(format!("http://{}/boot/files/initrd", services.http));
    assert_eq!(curl.output().await.unwrap().stdout, vec![7; 10]);
    services.stop().await;
}
