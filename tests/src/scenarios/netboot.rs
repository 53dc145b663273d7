//! An Intel Mac that boots from the network, as far as its packets show it.

use super::by_hand::{agent, boot_token};
use crate::{
    appliance::Appliance,
    network::{SERVER, Segment},
    process::run,
    scripted::inside,
    stage::Stage,
};
use anyhow::{Context, Result, ensure};
use protocol::{
    MacAddr,
    dhcp::{CLIENT_PORT, MessageType, Packet, SERVER_PORT, code},
};
use serde_json::json;
use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    time::Duration,
};

const MAC: MacAddr = MacAddr([0x00, 0x1e, 0xc2, 0, 0, 1]);
/// The Mac's address, that of the machines' side, and the port below 1024 that it waits on.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const REPLY_PORT: u16 = 993;
/// More images than fit one option 43.
const IMAGES: u16 = 20;
const CHOSEN: u32 = 0x8100_0007;

/// List, select, boot; and a choice that is gone.
pub fn play(stage: &mut Stage) -> Result<()> {
    let appliance = stage.start_appliance_with(|data| {
        let folder = data.join("boot/nbi");
        for index in 1..=IMAGES {
            image(&folder, index)?;
        }
        // One that cannot be served: its booter is missing.
        image(&folder, IMAGES + 1)?;
        fs::remove_file(folder.join(format!("Install{}.nbi/i386/booter", IMAGES + 1)))?;
        Ok(())
    })?;
    appliance.wait_for_log("Install21.nbi: i386/booter is not there")?;
    stage.say("the image that cannot be served is named with the reason");

    let path = stage.network().segment_path(Segment::Site);
    let (booter, root) = inside(&path, || {
        let socket = UdpSocket::bind((ADDRESS, REPLY_PORT)).context("the Mac's port is taken")?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let listed = ask(&socket, &inform(LIST))?;
        let vendor = options_43(&listed);
        ensure!(vendor.len() > 1, "the list came in one option 43");
        let (images, default) = read_list(&vendor);
        ensure!(
            images.len() == usize::from(IMAGES),
            "{} images are listed: {images:x?}",
            images.len()
        );
        ensure!(default == Some(0x8100_0003), "the default is {default:x?}");

        let gone = ask(&socket, &inform(&select(0x8100_00ff)))?;
        ensure!(
            options_43(&gone).concat() == [1, 1, 3],
            "a choice that is gone is answered by {:x?}",
            options_43(&gone)
        );
        let selected = ask(&socket, &inform(&select(CHOSEN)))?;
        let selected_43 = options_43(&selected).concat();
        ensure!(
            selected_43.starts_with(&[1, 1, 2]),
            "the choice is answered by {selected_43:x?}"
        );

        let offer = discover()?;
        ensure!(
            offer.your_address.is_unspecified() && offer.message_type() == Some(MessageType::Offer),
            "the offer has an address"
        );
        ensure!(
            options_43(&offer).concat() == [&[8, 4][..], &CHOSEN.to_be_bytes()].concat(),
            "the offer is of another image: {:x?}",
            options_43(&offer)
        );
        Ok((
            offer.boot_file().context("the offer names no booter")?,
            offer
                .options
                .text(code::ROOT_PATH)
                .context("the offer names no root")?,
        ))
    })?;
    stage.say(&format!(
        "it listed {IMAGES} images, chose one and was offered {booter} and {root}"
    ));
    let curl = |url: String| {
        run(stage
            .network()
            .on_lan("curl")
            .args(["-sSf", "--max-time", "20", &url]))
    };
    ensure!(
        curl(format!("tftp://{SERVER}/{booter}"))? == "booter 7",
        "another booter came"
    );
    ensure!(curl(root)? == "system 7", "another root came");
    appliance.wait_for_log("chose the NetBoot image Install number 7")?;
    banned(stage, &appliance)?;
    appliance.stop()
}

/// In quarantine it is told nothing, and starts its own disk.
fn banned(stage: &Stage, appliance: &Appliance) -> Result<()> {
    let facts = json!({ "nics": [{ "name": "en0", "mac": MAC, "driver": "none", "usb": false, "link": true, "booted": true }] });
    let hello = json!({
        "protocol": protocol::agent::AGENT_PROTOCOL, "version": "lab", "token": boot_token(stage, MAC)?, "mac": MAC, "facts": facts,
    });
    let reply = agent(stage, "POST", "/hello", None, Some(&hello))?.expect_success()?;
    let path = format!("/machines/{}", reply["machine"].as_str().context("no machine")?);
    let banned = json!({ "quarantined": true });
    appliance
        .administrator()
        .patch(&path, &banned)?
        .expect_success()?;
    inside(&stage.network().segment_path(Segment::Site), || {
        let socket = UdpSocket::bind((ADDRESS, REPLY_PORT)).context("the Mac's port is taken")?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        ensure!(ask(&socket, &inform(LIST)).is_err(), "a banned Mac was answered");
        Ok(())
    })?;
    appliance.wait_for_log("it is in quarantine")?;
    stage.say("in quarantine it is told nothing");
    Ok(())
}

fn image(folder: &Path, index: u16) -> Result<()> {
    let folder = folder.join(format!("Install{index}.nbi"));
    fs::create_dir_all(folder.join("i386"))?;
    fs::write(folder.join("i386/booter"), format!("booter {index}"))?;
    fs::write(folder.join("NetInstall.dmg"), format!("system {index}"))?;
    let default = if index == 3 { "<true/>" } else { "<false/>" };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>\
         <key>Architectures</key><array><string>i386</string></array>\
         <key>BootFile</key><string>booter</string><key>Index</key><integer>{index}</integer>\
         <key>IsEnabled</key><true/><key>IsInstall</key><true/><key>IsDefault</key>{default}\
         <key>Name</key><string>Install number {index}</string><key>Type</key><string>HTTP</string>\
         <key>RootPath</key><string>NetInstall.dmg</string></dict></plist>"
    );
    Ok(fs::write(folder.join("NBImageInfo.plist"), text)?)
}

/// Message 1, version 0x0101, the port, and packets of up to 1472 bytes.
const LIST: &[u8] = b"\x01\x01\x01\x02\x02\x01\x01\x05\x02\x03\xe1\x0c\x02\x05\xc0";

fn select(image: u32) -> Vec<u8> {
    [
        &b"\x01\x01\x02\x02\x02\x01\x01\x05\x02\x03\xe1\x03\x04"[..],
        &SERVER.octets(),
        &[8, 4],
        &image.to_be_bytes(),
    ]
    .concat()
}

fn packet(kind: MessageType) -> Packet {
    Packet::request(MAC, 77)
        .with(code::MESSAGE_TYPE, &[kind.number()])
        .with(code::VENDOR_CLASS, b"AAPLBSDPC/i386/iMac14,2")
}

fn inform(vendor: &[u8]) -> Packet {
    let mut packet = packet(MessageType::Inform).with(code::VENDOR_OPTIONS, vendor);
    packet.client_address = ADDRESS;
    packet
}

fn ask(socket: &UdpSocket, question: &Packet) -> Result<Packet> {
    socket.send_to(&question.encode(), (SERVER, SERVER_PORT))?;
    let mut buffer = [0; 2000];
    let (len, from) = socket.recv_from(&mut buffer).context("the Mac is not answered")?;
    ensure!(from.port() == SERVER_PORT, "the answer came from {from}");
    Ok(Packet::parse(&buffer[..len])?)
}

/// Its firmware looks for servers, as at every boot.
fn discover() -> Result<Packet> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).context("port 68 is taken")?;
    socket.set_broadcast(true)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    nix::sys::socket::setsockopt(
        &socket,
        nix::sys::socket::sockopt::BindToDevice,
        &std::ffi::OsString::from("br0"),
    )?;
    let mut question = packet(MessageType::Discover);
    question.set_broadcast(true);
    socket.send_to(&question.encode(), (Ipv4Addr::BROADCAST, SERVER_PORT))?;
    let mut buffer = [0; 2000];
    loop {
        let (len, _) = socket
            .recv_from(&mut buffer)
            .context("no server offers an image")?;
        // The site's DHCP server offers an address too.
        if let Ok(packet) = Packet::parse(&buffer[..len])
            && packet.vendor_class().as_deref() == Some("AAPLBSDPC")
        {
            return Ok(packet);
        }
    }
}

/// The options 43 as they stand.
fn options_43(packet: &Packet) -> Vec<Vec<u8>> {
    packet
        .options
        .iter()
        .filter(|option| option.code() == code::VENDOR_OPTIONS)
        .map(|option| option.data().to_vec())
        .collect()
}

/// Image identifiers, each option read by itself as Macs do; and the default.
fn read_list(options: &[Vec<u8>]) -> (Vec<u32>, Option<u32>) {
    let (mut images, mut default) = (Vec::new(), None);
    for option in options {
        let mut rest = &option[..];
        while let [tag, len, behind @ ..] = rest {
            let Some((value, after)) = behind.split_at_checked(usize::from(*len)) else {
                break;
            };
            rest = after;
            let mut list = value;
            match (tag, value) {
                (7, [a, b, c, d]) => default = Some(u32::from_be_bytes([*a, *b, *c, *d])),
                (9, _) => {
                    while let [a, b, c, d, len, behind @ ..] = list {
                        images.push(u32::from_be_bytes([*a, *b, *c, *d]));
                        list = behind.get(usize::from(*len)..).unwrap_or_default();
                    }
                }
                _ => {}
            }
        }
    }
    (images, default)
}
