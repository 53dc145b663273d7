//! Whole transfers over loopback, with clients that others wrote.

use crate::service::tests::Running;
use std::{fs, net::UdpSocket, process::Command, time::Duration};

/// Bytes that no two blocks share.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}

async fn run(mut command: Command) -> Vec<u8> {
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_atftp_get_every_byte_at_every_block_and_window() {
    let services = Running::start().await;
    let file = bytes(3_000_001);
    fs::write(services.boot_folder().join("vmlinuz"), &file).unwrap();
    fs::write(services.boot_folder().join("empty"), b"").unwrap();
    fs::write(services.boot_folder().join("even"), bytes(1024)).unwrap();
    let port = services.tftp_port;
    // curl refuses an empty file by its announced length; atftp takes it below.
    for (name, len) in [("vmlinuz", 3_000_001), ("even", 1024)] {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60"]);
        curl.arg(format!("tftp://127.0.0.1:{port}/amorce/{name}"));
        assert_eq!(run(curl).await, bytes(len), "{name}");
    }
    let target = services.folder.path().join("got");
    for (name, options) in [
        ("vmlinuz", &["blksize 512", "windowsize 1"][..]),
        ("vmlinuz", &["blksize 1468", "windowsize 4"]),
        ("vmlinuz", &["blksize 1428", "windowsize 16"]),
        ("vmlinuz", &["blksize 8192", "windowsize 64"]),
        ("vmlinuz", &[]),
        ("empty", &[]),
    ] {
        let mut atftp = Command::new("atftp");
        for option in options {
            atftp.args(["--option", option]);
        }
        atftp
            .args(["--get", "-r", &format!("amorce/{name}"), "-l"])
            .arg(&target);
        atftp.args(["127.0.0.1", &port.to_string()]);
        run(atftp).await;
        let expected = fs::read(services.boot_folder().join(name)).unwrap();
        assert_eq!(fs::read(&target).unwrap(), expected, "{name} {options:?}");
        fs::remove_file(&target).unwrap();
    }
    // Each end is told; a lost last acknowledgement is told as such.
    services.wait_until_told("amorce/", 8).await;
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_and_what_is_hostile_harms_nobody() {
    let services = Running::start().await;
    fs::write(services.folder.path().join("secret"), "secret").unwrap();
    fs::write(services.boot_folder().join("vmlinuz"), "kernel").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let server = ("127.0.0.1", services.tftp_port);
    let ask = |packet: Vec<u8>| {
        socket.send_to(&packet, server).unwrap();
        let mut answer = [0; 2000];
        let (len, from) = socket.recv_from(&mut answer).unwrap();
        (answer[..len].to_vec(), from)
    };
    let mut refused = Vec::new();
    for name in [
        "absent",
        "amorce/absent",
        "amorce/../secret",
        "/etc/passwd",
        "amorce\\..\\..\\secret",
        "grub/machine/x.cfg",
    ] {
        let (answer, _) =
            tokio::task::block_in_place(|| ask([b"\0\x01", name.as_bytes(), b"\0octet\0"].concat()));
        refused.push((name, answer));
    }
    for (name, answer) in refused {
        assert_eq!(answer, b"\0\x05\0\x01no such file\0", "{name}");
    }
    let (answer, _) = tokio::task::block_in_place(|| ask(b"\0\x02amorce/vmlinuz\0octet\0".to_vec()));
    assert_eq!(answer[..4], [0, 5, 0, 2], "writing");
    let (answer, _) = tokio::task::block_in_place(|| ask(b"\0\x01amorce/vmlinuz\0netascii\0".to_vec()));
    assert_eq!(answer[..4], [0, 5, 0, 4], "netascii");
    // Noise, then a request under the name that Windows firmware would use.
    for noise in [
        &b""[..],
        b"\0",
        b"\xff\xff\xff",
        b"\0\x01\0\0\0",
        b"\0\x04\0\x01",
        b"\0\x05\0\x08\0",
        &[0; 1400],
    ] {
        socket.send_to(noise, server).unwrap();
    }
    let (answer, from) = tokio::task::block_in_place(|| ask(b"\0\x01\\amorce\\vmlinuz\0octet\0".to_vec()));
    assert_eq!(answer, b"\0\x03\0\x01kernel");
    assert_ne!(from.port(), services.tftp_port, "each transfer has its own port");
    services.stop().await;
}

/// A loader repeats a request that it has no answer to, and keeps to the port that answers first.
#[test]
fn a_repeated_request_that_was_not_answered_yet_opens_no_second_port_however_late_the_answer_is() {
    use super::*;
    let transfers = Transfers::default();
    let client: SocketAddrV4 = "192.0.2.7:1025".parse().unwrap();
    let marks = transfers.admit(client, b"file").unwrap();
    let long_ago = Instant::now().checked_sub(Duration::from_secs(3)).unwrap();
    transfers.lock().get_mut(&client).unwrap().began = long_ago;
    assert!(transfers.admit(client, b"file").is_none());
    assert!(!marks.replaced.is_cancelled());
    // A machine that was reset in the middle asks for the same again.
    marks.heard.store(true, Ordering::Relaxed);
    let anew = transfers.admit(client, b"file").unwrap();
    assert!(marks.replaced.is_cancelled() && !anew.replaced.is_cancelled());
    assert!(
        transfers.admit(client, b"another").is_some(),
        "another file is asked for at once"
    );
}
