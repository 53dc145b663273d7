//! The boot services against the servers that people boot machines with today: same file, same wire, same client.

mod client;
mod wire;

use super::{
    Order,
    report::{Bound, Report},
};
use crate::{
    appliance::Appliance,
    crowd,
    network::{Network, SERVER, SERVER_INTERFACE, Segment},
    process::{Process, command, finish, run, wait_until},
    stage::Tools,
};
use anyhow::{Context, Result, ensure};
use client::{Ask, fetch};
use std::{
    fs,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use wire::Wire;

/// What is measured against whom.
pub const MEASURES: &str = "TFTP of 40 MiB against dnsmasq, tftpd-hpa and atftpd, HTTP of 1 GiB against nginx, DHCP answers to 500 machines";
const FILE_LEN: usize = 40 << 20;
const HTTP_LEN: u64 = 1 << 30;
/// In a small run everything is so much shorter.
const SMALL: usize = 10;
const MACHINES: usize = 500;

/// The ways that loaders ask, and how many times faster than dnsmasq without windows we shall be.
const WAYS: [(&str, Ask, f64); 3] = [
    ("1428 x 1", Ask::new(1428, 1), 1.0),
    ("1468 x 4", Ask::new(1468, 4), 2.0),
    ("1468 x 16", Ask::new(1468, 16), 4.0),
];

/// Runs everything `times` times and prints the best of each.
///
/// # Errors
/// A server does not start, or serves something else than the file; in a small run, a figure is far from what was asked
/// for.
pub fn play(tools: &Tools, order: Order) -> Result<()> {
    let Order { times, small } = order;
    let (file_len, http_len) = if small {
        (FILE_LEN / SMALL, HTTP_LEN / SMALL as u64)
    } else {
        (FILE_LEN, HTTP_LEN)
    };
    let mut report = Report::new(small);
    let scratches = tools.cache.join("scratch");
    fs::create_dir_all(&scratches)?;
    let scratch = tempfile::tempdir_in(scratches).context("cannot make a scratch folder")?;
    let network = Network::create(scratch.path())?;
    let installation = Appliance::install(tools, scratch.path(), scratch.path())?;
    let file: Vec<u8> = (0..file_len)
        .map(|place| place.wrapping_mul(2_654_435_761).to_be_bytes()[4])
        .collect();
    let boot = installation.data().join("boot");
    fs::write(boot.join("bench.bin"), &file)?;
    fs::File::create(boot.join("large.bin"))?.set_len(http_len)?;
    // The peers' root, with the name that our own file has.
    let root = scratch.path().join("root");
    fs::create_dir_all(root.join("amorce"))?;
    fs::copy(boot.join("bench.bin"), root.join("amorce/bench.bin"))?;
    fs::hard_link(boot.join("large.bin"), root.join("large.bin"))?;
    run(command(["chmod", "-R", "a+rX"]).arg(scratch.path()))?;

    let appliance = installation.start(&network)?;
    dhcp(&network, times, &mut report)?;
    let ours_http = http(
        &network,
        &format!("http://{SERVER}/boot/files/large.bin"),
        http_len,
        times,
    )?;
    let mut rows = vec![tftp(&network, "amorce", &file, times)?];
    appliance.stop()?;
    for peer in peers(tools, &network, &root, scratch.path())? {
        let mut process = Process::start(peer.name, &peer.command, &scratch.path().join(peer.name))?;
        wait_until("the peer serves", Duration::from_secs(20), || {
            ensure!(process.is_running(), "{} ended", peer.name);
            let probe = Ask::new(512, 1);
            Ok(client::answers(&network, probe).then_some(()))
        })?;
        rows.push(tftp(&network, &peer.shown, &file, times)?);
        process.kill();
    }
    print_tftp(&rows, file_len, &mut report);

    let configuration = nginx_configuration(&root, scratch.path())?;
    let nginx_program = program(tools, "nginx", "usr/sbin/nginx")?;
    let mut nginx = network.on_server(&nginx_program);
    nginx.arg("-c").arg(&configuration);
    let _nginx = Process::start("nginx", &nginx, &scratch.path().join("nginx.log"))?;
    let url = format!("http://{SERVER}:8081/large.bin");
    wait_until("nginx serves", Duration::from_secs(20), || {
        Ok(curl(&network, &["--head", &url]).is_ok().then_some(()))
    })?;
    let peer_http = http(&network, &url, http_len, times)?;
    println!(
        "  HTTP, {} MiB to curl: ours {ours_http:.2} s, {} {peer_http:.2} s",
        http_len >> 20,
        version(&nginx_program, "-v")?
    );
    report.claim("HTTP: nginx / ours", peer_http / ours_http, Bound::AtLeast(0.8));
    report.close()
}

/// Seconds of one server: each way on the bare wire, and with 1 ms delay and 0.1 % loss.
struct Row {
    who: String,
    seconds: Vec<f64>,
}

fn tftp(network: &Network, who: &str, file: &[u8], times: u32) -> Result<Row> {
    let mut seconds = Vec::new();
    for bad_wire in [false, true] {
        for (_, ask, _) in WAYS {
            let mut best = f64::INFINITY;
            for _ in 0..times.max(1) {
                let path = network.segment_path(Segment::Site);
                let server = SocketAddrV4::new(SERVER, 69);
                // A bad wire takes a minute at window 1: an eighth of the file tells as much.
                let len = if bad_wire { file.len() / 8 } else { file.len() };
                let took = crate::scripted::inside(&path, move || {
                    let wire = bad_wire.then(|| Wire::open(server)).transpose()?;
                    fetch(wire.as_ref().map_or(server, Wire::address), ask, len)
                })?;
                ensure!(
                    took.bytes == file[..took.bytes.len()],
                    "{who} sent something else"
                );
                best = best.min(took.seconds * (file.len() as f64 / took.bytes.len() as f64));
            }
            seconds.push(best);
        }
    }
    Ok(Row {
        who: who.to_owned(),
        seconds,
    })
}

fn print_tftp(rows: &[Row], file_len: usize, report: &mut Report) {
    println!(
        "  TFTP, seconds for {} MiB (in brackets: with 1 ms delay and 0.1 % loss)",
        file_len >> 20
    );
    for row in rows {
        let cells: Vec<String> = WAYS
            .iter()
            .enumerate()
            .map(|(place, (name, ..))| {
                format!(
                    "{name}: {:>6.2} ({:>6.2})",
                    row.seconds[place],
                    row.seconds[place + WAYS.len()]
                )
            })
            .collect();
        println!("  {:<28} {}", row.who, cells.join("   "));
    }
    let Some((ours, peers)) = rows.split_first() else {
        return;
    };
    let best = |place: usize| {
        peers
            .iter()
            .map(|row| row.seconds[place])
            .fold(f64::INFINITY, f64::min)
    };
    // What dnsmasq does without windows, which its releases before 2.92 do not have.
    let plain = peers.first().map_or(0.0, |dnsmasq| dnsmasq.seconds[0]);
    for (place, (name, _, times)) in WAYS.iter().enumerate() {
        let is_plain = place == 0;
        let one = if is_plain { best(place) } else { plain };
        let against = if is_plain {
            "best peer"
        } else {
            "dnsmasq without windows"
        };
        report.claim(
            &format!("TFTP {name}: {against} / ours"),
            one / ours.seconds[place],
            Bound::AtLeast(*times),
        );
        let bad = place + WAYS.len();
        report.claim(
            &format!("TFTP {name} on a bad wire: best peer / ours"),
            best(bad) / ours.seconds[bad],
            Bound::AtLeast(1.0),
        );
    }
}

fn dhcp(network: &Network, times: u32, report: &mut Report) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..times.max(1) {
        let storm = crowd::look_for_servers(network, MACHINES)?;
        println!(
            "  DHCP, {MACHINES} machines at once: {} answered at the first question, the others at the second; median {:.1} ms, p99 {:.1} ms",
            storm.first_time,
            storm.median(),
            storm.p99(),
        );
        best = best.min(storm.p99());
    }
    report.claim("DHCP: p99 in milliseconds", best, Bound::AtMost(50.0));
    Ok(())
}

fn http(network: &Network, url: &str, len: u64, times: u32) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..times.max(1) {
        let words = curl(
            network,
            &["-o", "/dev/null", "-w", "%{time_total} %{size_download}", url],
        )?;
        let (seconds, bytes) = words.split_once(' ').context("curl measured nothing")?;
        ensure!(bytes.trim() == len.to_string(), "{url} brought {bytes} bytes");
        best = best.min(seconds.parse().context("curl measured no number")?);
    }
    Ok(best)
}

fn curl(network: &Network, words: &[&str]) -> Result<String> {
    run(network
        .on_lan("curl")
        .args(["-sSf", "--max-time", "60"])
        .args(words))
}

struct Peer {
    name: &'static str,
    shown: String,
    command: Command,
}

/// A program of a package that setup unpacked: installed, each would start a server of its own.
fn program(tools: &Tools, package: &str, path: &str) -> Result<PathBuf> {
    let cache = tools.cache.parent().context("the lab's folder has no parent")?;
    let program = cache.join("packages").join(package).join(path);
    ensure!(
        program.exists(),
        "{} is not there; run cargo xtask setup",
        program.display()
    );
    Ok(program)
}

/// What a program says of its own version, in its first line.
fn version(program: impl AsRef<std::ffi::OsStr>, option: &str) -> Result<String> {
    let output = finish(command([program.as_ref()]).arg(option))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default();
    Ok(line.chars().take(28).collect())
}

fn peers(tools: &Tools, network: &Network, root: &Path, scratch: &Path) -> Result<Vec<Peer>> {
    let hpa_program = program(tools, "tftpd-hpa", "usr/sbin/in.tftpd")?;
    let atftpd_program = program(tools, "atftpd", "usr/sbin/atftpd")?;
    let mut dnsmasq = network.on_server("dnsmasq");
    dnsmasq
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--pid-file=",
            "--user=root",
        ])
        .args([
            "--enable-tftp",
            "--tftp-no-fail",
            "--log-facility=-",
            "--bind-interfaces",
        ])
        .arg(format!("--interface={SERVER_INTERFACE}"))
        .arg(format!("--tftp-root={}", root.display()));
    let mut hpa = network.on_server(&hpa_program);
    hpa.args([
        "--foreground",
        "--ipv4",
        "--user",
        "root",
        "--secure",
        "--address",
    ])
    .arg(format!("{SERVER}:69"))
    .arg(root);
    let mut atftpd = network.on_server(&atftpd_program);
    atftpd
        .args([
            "--daemon",
            "--no-fork",
            "--user",
            "root",
            "--group",
            "root",
            "--logfile",
        ])
        .arg(scratch.join("atftpd.own"))
        .args(["--bind-address", &SERVER.to_string()])
        .arg(root);
    Ok(vec![
        Peer {
            name: "dnsmasq",
            shown: version("dnsmasq", "--version")?,
            command: dnsmasq,
        },
        Peer {
            name: "tftpd-hpa",
            shown: version(&hpa_program, "--version")?,
            command: hpa,
        },
        Peer {
            name: "atftpd",
            shown: version(&atftpd_program, "--version")?,
            command: atftpd,
        },
    ])
}

fn nginx_configuration(root: &Path, scratch: &Path) -> Result<PathBuf> {
    let path = scratch.join("nginx.conf");
    let (root, scratch) = (root.display(), scratch.display());
    fs::write(
        &path,
        format!(
            "daemon off; master_process off; user root; pid {scratch}/nginx.pid; error_log stderr;\n\
             events {{}}\n\
             http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {scratch}/b; \
             proxy_temp_path {scratch}/p; fastcgi_temp_path {scratch}/f; uwsgi_temp_path {scratch}/u; \
             scgi_temp_path {scratch}/s; server {{ listen 8081; root {root}; }} }}\n"
        ),
    )?;
    Ok(path)
}
