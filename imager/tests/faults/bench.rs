//! A block device that fails where a test wants it to, small filesystems, and the command on them.

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    Session, SessionUnmounter, WriteFlags,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, UNIX_EPOCH},
};

pub const MIB: u64 = 1 << 20;

fn try_run(program: &str, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    finish(
        Command::new(program)
            .args(arguments)
            .env("PATH", path)
            .env("LC_ALL", "C"),
    )
}

/// No command of these tests takes as long, even on a machine that is busy with others.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a command to its end. One that hangs, in the kernel too, where nothing ends it, fails its test and says where.
#[track_caller]
fn finish(command: &mut Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}); cargo xtask setup installs it"));
    let process = child.id();
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(child.wait_with_output());
    });
    match ended.recv_timeout(PATIENCE) {
        Ok(output) => output.unwrap(),
        Err(_) => panic!("{command:?} hangs:\n{}", whereabouts(process)),
    }
}

/// Where each thread of a process is in the kernel.
fn whereabouts(process: u32) -> String {
    let mut text = String::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        for file in ["comm", "wchan", "stack"] {
            text += &fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            text.push('\n');
        }
    }
    text
}

/// What serves a disk must not wait for memory until that disk has taken what is to be written: the kernel then looks for
/// memory elsewhere (prctl(2), PR_SET_IO_FLUSHER). Not every container may say so.
fn become_part_of_a_disk() {
    const PR_SET_IO_FLUSHER: nix::libc::c_int = 57;
    #[expect(unsafe_code, reason = "only this system call says it")]
    // SAFETY: it takes numbers and changes how memory is found for this thread and those that it starts.
    let _ = unsafe { nix::libc::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) };
}

/// Runs a tool; it must succeed. Returns its standard output.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = try_run(program, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Runs the command with `--json`: its exit code and its object.
#[track_caller]
pub fn imager(words: &[&str]) -> (i32, serde_json::Value) {
    let output = finish(
        Command::new(env!("CARGO_BIN_EXE_imager"))
            .args(words)
            .arg("--json"),
    );
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), answer)
}

#[track_caller]
pub fn done(words: &[&str]) -> serde_json::Value {
    let (code, answer) = imager(words);
    assert_eq!(code, 0, "{words:?}: {answer}");
    answer
}

/// Runs the command, which fails; its error.
#[track_caller]
pub fn failed(words: &[&str], code: i32) -> serde_json::Value {
    let (found, answer) = imager(words);
    assert_eq!(found, code, "{words:?}: {answer}");
    let error = answer["error"].clone();
    for member in ["message", "remedy"] {
        assert!(!error[member].as_str().unwrap().is_empty(), "{answer}");
    }
    error
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn noise(seed: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    blake3::Hasher::new()
        .update(&[seed])
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// What fails of a disk, to be changed while it is used.
#[derive(Default)]
pub struct Faults {
    pub unreadable: Mutex<Vec<Range<u64>>>,
    pub unwritable: Mutex<Vec<Range<u64>>>,
    /// What is written can be read again: the disk has another sector for it.
    pub heals: AtomicBool,
    /// It answers nothing any more.
    pub is_gone: AtomicBool,
    /// It is gone once so many bytes were written.
    pub gone_after_writing: Mutex<Option<u64>>,
    pub written: AtomicU64,
    pub failed_reads: AtomicU64,
}

/// A block device of the kernel over a file that fails: a loop device on a filesystem of our own.
pub struct FailingDevice {
    pub path: PathBuf,
    pub faults: Arc<Faults>,
    unmounter: SessionUnmounter,
    _folder: tempfile::TempDir,
}

impl FailingDevice {
    /// A device with the bytes of an image.
    pub fn new(image: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = Arc::new(Faults::default());
        let served = Served {
            image: File::options().read(true).write(true).open(image).unwrap(),
            faults: Arc::clone(&faults),
        };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("failing".to_owned())];
        let mut session = Session::new(served, folder.path(), &config).unwrap();
        let unmounter = session.unmount_callable();
        std::thread::spawn(move || {
            become_part_of_a_disk();
            let _ = session.run();
        });
        let disk = folder.path().join("disk");
        let attached = run("losetup", &["--find", "--show", text(&disk)]);
        let path = PathBuf::from(attached.trim());
        Self {
            path,
            faults,
            unmounter,
            _folder: folder,
        }
    }

    pub fn text(&self) -> &str {
        text(&self.path)
    }
}

impl Drop for FailingDevice {
    fn drop(&mut self) {
        try_run("losetup", &["--detach", text(&self.path)]);
        // Whatever still holds the device keeps it mounted. The thread that serves it is not waited for: a copy of the mount
        // in somebody else's mount namespace, or somebody else who looks at the loop device just now, would keep it.
        let _ = self.unmounter.unmount();
    }
}

struct Served {
    image: File,
    faults: Arc<Faults>,
}

const DISK: INodeNo = INodeNo(2);
const SHORT: Duration = Duration::from_secs(1);

impl Served {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let is_disk = inode == DISK;
        let size = self.image.metadata().unwrap().len();
        FileAttr {
            ino: inode,
            size: if is_disk { size } else { 0 },
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_disk {
                FileType::RegularFile
            } else {
                FileType::Directory
            },
            perm: if is_disk { 0o600 } else { 0o700 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 512,
            flags: 0,
        }
    }

    fn fails(&self, bad: &Mutex<Vec<Range<u64>>>, offset: u64, length: u64) -> bool {
        let end = offset + length;
        let bad = bad.lock().unwrap();
        self.faults.is_gone.load(Ordering::Relaxed)
            || bad.iter().any(|range| range.start < end && offset < range.end)
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "disk" {
            reply.entry(&SHORT, &self.attributes(DISK), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&SHORT, &self.attributes(inode));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // No cache in between: what fails is as long as what was asked for.
        reply.opened(FileHandle(1), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if self.fails(&self.faults.unreadable, offset, u64::from(size)) {
            self.faults.failed_reads.fetch_add(1, Ordering::Relaxed);
            return reply.error(Errno::EIO);
        }
        let mut bytes = vec![0; size as usize];
        match self.image.read_at(&mut bytes, offset) {
            Ok(length) => reply.data(&bytes[..length]),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let length = data.len() as u64;
        let written = self.faults.written.fetch_add(length, Ordering::Relaxed) + length;
        let limit = *self.faults.gone_after_writing.lock().unwrap();
        if limit.is_some_and(|limit| written > limit) {
            self.faults.is_gone.store(true, Ordering::Relaxed);
        }
        if self.fails(&self.faults.unwritable, offset, length)
            || self.image.write_all_at(data, offset).is_err()
        {
            return reply.error(Errno::EIO);
        }
        if self.faults.heals.load(Ordering::Relaxed) {
            let mut unreadable = self.faults.unreadable.lock().unwrap();
            unreadable.retain(|range| range.start < offset || range.end > offset + length);
        }
        reply.written(u32::try_from(data.len()).unwrap());
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        if self.faults.is_gone.load(Ordering::Relaxed) {
            reply.error(Errno::EIO);
        } else {
            reply.ok();
        }
    }
}

/// A small filesystem in memory, mounted as long as this lives.
pub struct SmallFilesystem(tempfile::TempDir);

/// Room for images. Not on a disk: whoever serves a device must not wait until that device has taken what is to be written.
pub fn scratch() -> SmallFilesystem {
    SmallFilesystem::new(512 * MIB)
}

impl SmallFilesystem {
    pub fn new(bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={bytes}");
        run(
            "mount",
            &["-t", "tmpfs", "-o", &options, "tmpfs", text(folder.path())],
        );
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        run("mount", &["-o", &options, text(self.0.path())]);
    }
}

impl Drop for SmallFilesystem {
    fn drop(&mut self) {
        // A test that failed may have left something open.
        try_run("umount", &["--lazy", text(self.0.path())]);
    }
}

/// A store with a master `kept` of 5 MiB in a folder; the master's bytes.
pub fn make_store(store: &Path, scratch: &Path) -> Vec<u8> {
    done(&["init", text(store)]);
    let image = scratch.join("kept.img");
    let bytes = noise(1, 5 * MIB);
    fs::write(&image, &bytes).unwrap();
    done(&["capture", text(&image), "--store", text(store), "--name", "kept"]);
    bytes
}

/// The store verifies, and its master `kept` is what it was.
#[track_caller]
pub fn assert_kept_is_whole(store: &Path, scratch: &Path, bytes: &[u8]) {
    assert_eq!(done(&["verify", "--store", text(store)])["ok"], true);
    let target = scratch.join("kept-again.img");
    let _ = fs::remove_file(&target);
    done(&["restore", "kept", text(&target), "--store", text(store)]);
    assert!(fs::read(&target).unwrap() == bytes);
}
