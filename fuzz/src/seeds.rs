//! What the fuzzer begins with: true examples, made by the systems' own tools and our own writers.

use crate::{
    engine::known_chunks,
    load_option::{BootPartition, LoadOption},
    sparse::SparseDisk,
    volumes,
};
use depot::wire::{self, FetchRequest, stream};
use imager::{
    Unwatched,
    capture::{CaptureOptions, capture},
    filesystem::{Outcome, map},
    frame::Encoder,
    signature::SecretKey,
    store::{Access, Store},
};
use protocol::{
    ByteOffset, ChunkId, Problem,
    dhcp::{ClientIdentity, Packet},
    manifest::{Entry, EntryKind, Root, Segment, SignedRoot},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Writes the seeds of every target into a folder of its name.
pub fn write(folder: &Path) {
    let seeds = Seeds(folder);
    let work = tempfile::tempdir().expect("there is room for a few disks");
    seeds.disks(work.path());
    seeds.store(work.path());
    seeds.messages();
}

struct Seeds<'a>(&'a Path);

impl Seeds<'_> {
    fn add(&self, target: &str, name: &str, bytes: &[u8]) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).expect("the folder of seeds can be written");
        fs::write(folder.join(name), bytes).expect("the folder of seeds can be written");
    }

    /// Filesystems as their own tools make them, and tables around them.
    fn disks(&self, work: &Path) {
        let tree = work.join("tree");
        for (name, length) in [
            ("small", 10),
            ("folder/block", 4096),
            ("folder/deep/long", 70_000),
        ] {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().expect("it is below the tree")).expect("a tree can be made");
            fs::write(path, b"amorce".repeat(length / 6)).expect("a tree can be made");
        }
        let prototype = work.join("prototype");
        fs::write(&prototype, volumes::prototype(&tree)).expect("there is room for a few lines");
        let prototype = prototype.to_str().expect("it has a plain name").to_owned();
        let tree = tree.to_str().expect("it has a plain name").to_owned();
        for (name, size, words) in [
            ("plain", 2 << 20, vec!["-t", "ext4", "-d", &tree]),
            (
                "small-blocks",
                4 << 20,
                vec![
                    "-t",
                    "ext4",
                    "-b",
                    "1024",
                    "-O",
                    "meta_bg,^resize_inode",
                    "-d",
                    &tree,
                ],
            ),
            (
                "clusters",
                8 << 20,
                vec!["-t", "ext4", "-O", "bigalloc,inline_data", "-d", &tree],
            ),
            ("old", 1 << 20, vec!["-t", "ext2", "-d", &tree]),
            ("journal", 4 << 20, vec!["-t", "ext3", "-d", &tree]),
        ] {
            self.filesystem(
                work,
                "ext4",
                name,
                size,
                "mke2fs",
                &[&["-q", "-F"], &words[..]].concat(),
            );
        }
        for (name, size, words) in [
            ("12", 1 << 20, vec!["-F", "12"]),
            ("16", 9 << 20, vec!["-F", "16"]),
            ("32", 36 << 20, vec!["-F", "32", "-s", "1"]),
        ] {
            self.filesystem(work, "fat", name, size, "mkfs.fat", &words);
        }
        self.filesystem(work, "ntfs", "plain", 2 << 20, "mkntfs", &["-q", "-F", "-f"]);
        self.filesystem(
            work,
            "ntfs",
            "small",
            2 << 20,
            "mkntfs",
            &["-q", "-F", "-f", "-c", "512", "-C"],
        );
        self.filesystem(work, "swap", "plain", 1 << 20, "mkswap", &[]);
        for (name, options) in [
            ("5", vec!["-m", "crc=1"]),
            ("4", vec!["-m", "crc=0"]),
            (
                "small-blocks",
                vec!["-b", "size=1024", "-m", "rmapbt=1,reflink=1"],
            ),
        ] {
            let words = [&["--unsupported", "-q", "-f", "-p", &prototype], &options[..]].concat();
            self.filesystem(work, "xfs", name, 17 << 20, "mkfs.xfs", &words);
        }
        for (name, checksum) in [("crc32c", "crc32c"), ("xxhash", "xxhash")] {
            let words = [
                "-q",
                "-f",
                "-M",
                "-n",
                "4096",
                "--csum",
                checksum,
                "--rootdir",
                &tree,
            ];
            self.filesystem(work, "btrfs", name, 20 << 20, "mkfs.btrfs", &words);
        }
        self.filesystem(
            work,
            "exfat",
            "plain",
            3 << 20,
            "mkfs.exfat",
            &["-c", "512", "-b", "32K"],
        );
        let mut image = fs::read(work.join("image")).expect("it was just made");
        volumes::add_exfat_files(&mut image);
        self.add("exfat", "files", &SparseDisk::encode(&image));
        self.filesystem(
            work,
            "ext4",
            "in-a-volume",
            1 << 20,
            "mke2fs",
            &["-q", "-F", "-t", "ext2"],
        );
        let inner = fs::read(work.join("image")).expect("it was just made");
        self.volume("lvm2", "linear", &volumes::lvm2(&inner, "linear"));
        self.volume("lvm2", "thin", &volumes::lvm2(&inner, "thin"));
        self.volume("bitlocker", "on", &volumes::bitlocker(&[0x0100, 0x0800], 4));
        self.volume("bitlocker", "clear-key", &volumes::bitlocker(&[0x2000, 0], 4));
        self.volume("bitlocker", "on-its-way", &volumes::bitlocker(&[0x0500], 2));
        for (name, script) in [
            (
                "gpt",
                "label: gpt\nstart=64,size=500,type=U\nstart=1000,size=800,type=L\n",
            ),
            (
                "mbr",
                "label: dos\nstart=64,size=500,type=c,bootable\nstart=600,size=1000,type=5\nstart=700,size=400,type=83\n",
            ),
        ] {
            let path = blank(work, 1 << 20);
            let mut child = Command::new("sfdisk")
                .arg("--quiet")
                .arg(&path)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .expect("sfdisk is installed: `cargo xtask setup`");
            std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), script.as_bytes())
                .expect("sfdisk listens");
            assert!(
                child.wait().expect("sfdisk ends").success(),
                "sfdisk does not like {script}"
            );
            let image = fs::read(&path).expect("it was just made");
            for sector in [0, 1] {
                let input = [&[sector], &SparseDisk::encode(&image)[..]].concat();
                self.add("partitions", &format!("{name}-{sector}"), &input);
            }
        }
    }

    fn filesystem(&self, work: &Path, target: &str, name: &str, size: u64, tool: &str, words: &[&str]) {
        let path = blank(work, size);
        let status = Command::new(tool)
            .args(words)
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .status()
            .unwrap_or_else(|error| panic!("{tool} cannot be started ({error}): `cargo xtask setup`"));
        assert!(status.success(), "{tool} {words:?} failed");
        self.volume(target, name, &fs::read(&path).expect("it was just made"));
    }

    fn volume(&self, target: &str, name: &str, image: &[u8]) {
        // A seed that its reader keeps whole at once teaches the fuzzer nothing.
        if let Outcome::Raw { reason } = map(&image, 0..image.len() as u64).outcome {
            panic!("the seed {target}/{name} is not understood: {reason}");
        }
        let image = SparseDisk::encode(image);
        self.add(target, name, &image);
        // The same where a whole disk is expected: a disk without a table.
        self.add(
            "partitions",
            &format!("{target}-{name}"),
            &[&[0], &image[..]].concat(),
        );
    }

    /// A store with a small master: its objects, and the messages that carry them.
    fn store(&self, work: &Path) {
        let folder = work.join("store");
        let store = Store::init(&folder).expect("a store can be made");
        let mut disk: Vec<u8> = known_chunks().concat();
        disk.resize(128 << 10, 0);
        let options = CaptureOptions::new("fuzz".parse().expect("it is a name"));
        let captured = capture(&disk, &store, &options, &Unwatched).expect("it can be captured");
        drop(store);
        // Opening finishes nothing, but the pack as it is has everything but its table.
        drop(Store::open(&folder, Access::Write).expect("it opens again"));
        let mut frames = Vec::new();
        let mut encoder = Encoder::new(Some(3)).expect("zstd works");
        for chunk in known_chunks() {
            let id = ChunkId(*blake3::hash(&chunk).as_bytes());
            let len = u32::try_from(chunk.len()).expect("it is short");
            let frame = encoder
                .encode(&[(id, len)], &chunk)
                .expect("it fits")
                .into_bytes();
            self.add("frame", &format!("of-{len}"), &frame);
            frames.extend_from_slice(&wire::frame_head(frame.len()));
            frames.extend_from_slice(&frame);
        }
        self.add("depot", "frames", &frames);
        self.add("depot", "answer", &[&frames[..], &stream::END].concat());
        self.add(
            "depot",
            "broken",
            &[
                &frames[..],
                &stream::broken(&Problem::new("code", "title", "remedy")),
            ]
            .concat(),
        );
        let mut segments = Vec::new();
        for path in files(&folder) {
            let bytes = fs::read(&path).expect("it is there");
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("pack") => self.add("pack", "growing", &bytes),
                Some("seg") => {
                    self.add("segment", "whole", &bytes);
                    segments.push(bytes);
                }
                Some("root") => self.add("root", "signed", &bytes),
                Some("pem") => self.add("key", "secret", &bytes),
                _ => {}
            }
        }
        self.add("root", "text", &captured.signed.body);
        let key = SecretKey::generate().expect("the system has random numbers");
        self.add("key", "public", key.public().to_string().as_bytes());
        let root: Root = captured.root;
        self.add(
            "depot",
            "fetch",
            &FetchRequest::encode(root.segments[0].id, &[ChunkId([7; 32])]),
        );
        let mut manifest = Vec::new();
        let text = serde_json::to_vec(&root).expect("it is plain");
        for part in std::iter::once(&text).chain(&segments) {
            manifest.extend_from_slice(&u32::try_from(part.len()).expect("it is short").to_le_bytes());
            manifest.extend_from_slice(part);
        }
        self.add("restore", "whole", &manifest);
        let _ = SignedRoot::decode(&captured.signed.encode());
    }

    fn messages(&self) {
        let identity = ClientIdentity {
            mac: "52:54:00:12:34:56".parse().expect("it is an address"),
            uuid: None,
            vendor_class: "PXEClient:Arch:00007:UNDI:003016",
        };
        let packet: Packet = identity.discover(7, 0);
        self.add("dhcp", "discover", &packet.encode());
        self.add("dhcp", "reply", &Packet::reply_to(&packet).encode());
        let mut conversation = Vec::new();
        let read = b"\0\x01boot/grubx64.efi\0octet\0blksize\01468\0tsize\00\0windowsize\064\0";
        for packet in [&read[..], b"\0\x04\0\0", b"\0\x04\0\x01", b"\0\x05\0\x08done\0"] {
            conversation.push(u8::try_from(packet.len()).expect("it is short"));
            conversation.extend_from_slice(packet);
        }
        self.add("tftp", "conversation", &conversation);
        self.add("http", "file", b"/boot/files/vmlinuz\n\nbytes=0-99");
        self.add(
            "http",
            "script",
            b"/boot/ipxe\nmac=52%3a54%3a00%3a12%3a34%3a56&uuid=\nbytes=-5",
        );
        for (name, text) in [
            ("task", r#"{"task":"wait"}"#),
            ("problem", r#"{"code":"c","title":"t","remedy":"r"}"#),
            (
                "progress",
                r#"{"job":"01890000-0000-7000-8000-000000000000","step_index":0,"progress":{}}"#,
            ),
        ] {
            self.add("agent", name, text.as_bytes());
        }
        self.add(
            "command-line",
            "agent",
            b"quiet amorce.server=10.0.0.1:8443 amorce.ca=00 amorce.mac=52:54:00:12:34:56",
        );
        let unreadable = Segment {
            start: ByteOffset(0),
            entries: [
                EntryKind::Zero,
                EntryKind::Unreadable,
                EntryKind::Data(ChunkId([7; 32])),
            ]
            .map(|kind| Entry {
                length_bytes: 4096,
                kind,
            })
            .into(),
        };
        self.add("segment", "unreadable", &unreadable.encode());
        let option = LoadOption {
            description: "debian".to_owned(),
            partition: BootPartition {
                number: 1,
                first_sector: 2048,
                sectors: 1_048_576,
                guid: [7; 16],
            },
            file: r"\EFI\debian\shimx64.efi".to_owned(),
        };
        self.add("load-option", "debian", &option.encode().expect("it is short"));
        self.add("module-table", "two", b"pci:v00008086d*sv*sd*bc*sc*i* e1000e\n");
    }
}

fn blank(work: &Path, size: u64) -> PathBuf {
    let path = work.join("image");
    let _ = fs::remove_file(&path);
    fs::File::create(&path)
        .and_then(|file| file.set_len(size))
        .expect("there is room for a small disk");
    path
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be read").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => found.push(path),
            }
        }
    }
    found
}
