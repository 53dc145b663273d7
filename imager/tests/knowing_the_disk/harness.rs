//! Images, tools, and the round trip through a used map.

use imager::{
    disk::ReadAt,
    filesystem::{self, FileExtent, FileTree, Mapped, Mapping, NodeId, NodeKind, Outcome, Ranges},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    ops::{ControlFlow, Range},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// Whether the big matrix is asked for.
pub fn full_matrix() -> bool {
    std::env::var("AMORCE_MATRIX").is_ok_and(|value| value == "full")
}

/// Runs a tool; it must succeed. Returns its standard output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = try_run(program, arguments);
    assert!(
        output.0 == 0,
        "{program} {arguments:?} ended with {}: {}{}",
        output.0,
        output.1,
        output.2
    );
    output.1
}

/// Runs a tool; returns exit code, standard output and standard error.
pub fn try_run(program: &str, arguments: &[&str]) -> (i32, String, String) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program)
        .args(arguments)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("MTOOLS_SKIP_CHECK", "1")
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}); cargo xtask setup installs it"));
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// A small generator of numbers that are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// Makes a tree of files of many sizes, about `total_bytes` in all.
pub fn make_tree(root: &Path, total_bytes: u64, seed: u64) {
    let mut numbers = Numbers(seed);
    let mut made = 0;
    let mut index = 0;
    while made < total_bytes {
        let folder = root
            .join(format!("folder-{}", index % 7))
            .join(format!("inner-{}", index % 3));
        fs::create_dir_all(&folder).unwrap();
        let length = match index % 5 {
            0 => numbers.below(60),
            1..=3 => numbers.below(30_000),
            _ => numbers.below(total_bytes / 4 + 1),
        };
        let length = length.min(total_bytes - made).max(1);
        fs::write(
            folder.join(format!("file-{index}")),
            numbers.bytes(usize::try_from(length).unwrap()),
        )
        .unwrap();
        made += length;
        index += 1;
    }
}

/// What else a filesystem may be filled with than files of many sizes.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// So many names that folders need an index, with hardly anything in them.
    Tiny,
    /// Three files, nearly as large as fits.
    Large,
    /// Files that are mostly holes, further names of theirs, long and short links.
    Holes,
}

/// Makes a tree of that pattern of at most some MiB.
pub fn make_pattern(root: &Path, pattern: Pattern) {
    let mut numbers = Numbers(31);
    match pattern {
        Pattern::Tiny => {
            let folder = root.join("many");
            fs::create_dir_all(&folder).unwrap();
            for index in 0..400 {
                let length = usize::try_from(numbers.below(200)).unwrap();
                let name = format!("a-name-that-takes-some-room-{index}");
                fs::write(folder.join(name), numbers.bytes(length)).unwrap();
            }
        }
        Pattern::Large => {
            for index in 0..3 {
                fs::write(root.join(format!("large-{index}")), numbers.bytes(9 << 20)).unwrap();
            }
        }
        Pattern::Holes => {
            for index in 0..20u64 {
                let path = root.join(format!("holes-{index}"));
                let file = File::create(&path).unwrap();
                for piece in 0..20 {
                    let at = piece * (70_000 + index * 1000) + index;
                    file.write_all_at(&numbers.bytes(3000), at).unwrap();
                }
                fs::hard_link(&path, root.join(format!("again-{index}"))).unwrap();
                let long = format!("{}holes-{index}", "./".repeat(60));
                std::os::unix::fs::symlink(long, root.join(format!("long-link-{index}"))).unwrap();
                std::os::unix::fs::symlink("holes-0", root.join(format!("link-{index}"))).unwrap();
            }
        }
    }
}

/// Every regular file under a folder with its contents' BLAKE3.
pub fn hash_tree(root: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, blake3::Hash>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                walk(root, &entry.path(), found);
            } else if kind.is_file() {
                let hash = blake3::hash(&fs::read(entry.path()).unwrap());
                found.insert(entry.path().strip_prefix(root).unwrap().to_path_buf(), hash);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// An image file as a disk.
pub struct ImageFile(File);

impl ImageFile {
    pub fn open(path: &Path) -> Self {
        Self(File::open(path).unwrap())
    }
}

impl ReadAt for ImageFile {
    fn len(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> imager::Result<()> {
        self.0
            .read_exact_at(buffer, offset)
            .map_err(|error| imager::Error::caused(imager::ErrorKind::Read, "reading the image", error))
    }
}

/// Makes an empty image.
pub fn make_image(path: &Path, length_bytes: u64) {
    File::create(path).unwrap().set_len(length_bytes).unwrap();
}

/// Maps a whole image; it must be mapped.
pub fn map_image(path: &Path) -> (Mapping, Mapped) {
    let disk = ImageFile::open(path);
    let mut mapping = filesystem::map(&disk, 0..disk.len());
    match std::mem::replace(
        &mut mapping.outcome,
        Outcome::Raw {
            reason: "taken".into(),
        },
    ) {
        Outcome::Mapped(mapped) => {
            check_shape(&mapped, 0..disk.len());
            (mapping, mapped)
        }
        Outcome::Raw { reason } => panic!("{}: raw: {reason}", path.display()),
        Outcome::Refused { reason, remedy } => panic!("{}: refused: {reason}; {remedy}", path.display()),
    }
}

/// What every map promises.
pub fn check_shape(mapped: &Mapped, partition: Range<u64>) {
    for set in [&mapped.used, &mapped.zeroed] {
        for range in set {
            assert!(partition.start <= range.start && range.start < range.end && range.end <= partition.end);
        }
        assert!(
            set.as_slice().windows(2).all(|pair| pair[0].end < pair[1].start),
            "ranges are sorted and apart"
        );
    }
    assert!(
        mapped.used.intersection(&mapped.zeroed).is_empty(),
        "nothing is both used and zeroed"
    );
}

/// All file extents of a mapped image; each must lie in the used map, for they are what users want back.
pub fn extents_of(path: &Path, mapped: &Mapped) -> Vec<FileExtent> {
    let disk = ImageFile::open(path);
    let mut extents = Vec::new();
    mapped
        .files
        .walk(&disk, &mut |extent| {
            let range = extent.disk_offset..extent.disk_offset + extent.length_bytes;
            assert!(mapped.used.contains(&range), "extent {extent:?} is not used");
            extents.push(extent);
            ControlFlow::Continue(())
        })
        .unwrap();
    extents
}

/// Every regular file of an image as this program lists and reads it, with its contents' BLAKE3.
pub fn hash_by_tree(image: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    fn walk(tree: &dyn FileTree, folder: NodeId, path: &Path, found: &mut BTreeMap<PathBuf, blake3::Hash>) {
        let mut entries = Vec::new();
        tree.list(folder, &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
        for entry in entries {
            let own = path.join(String::from_utf8(entry.name).unwrap());
            match tree.metadata(entry.node).unwrap().kind {
                NodeKind::Folder => walk(tree, entry.node, &own, found),
                NodeKind::File => {
                    let file = tree.open(entry.node).unwrap();
                    let mut bytes = vec![0xEE; usize::try_from(file.len()).unwrap()];
                    file.read_exact_at(&mut bytes, 0).unwrap();
                    found.insert(own, blake3::hash(&bytes));
                }
                NodeKind::Link | NodeKind::Special => {}
            }
        }
    }
    let disk = ImageFile::open(image);
    let tree = filesystem::open_tree(&disk, 0..disk.len()).unwrap();
    let mut found = BTreeMap::new();
    walk(&*tree, tree.root(), Path::new(""), &mut found);
    found
}

/// Captures and restores by the used map alone: free bytes of the copy hold junk, as on a used target disk.
pub fn restore_by_map(image: &Path, mapped: &Mapped, copy: &Path) {
    let source = File::open(image).unwrap();
    let length = source.metadata().unwrap().len();
    let target = File::create(copy).unwrap();
    target.set_len(length).unwrap();
    let each_piece = |range: &Range<u64>, write: &mut dyn FnMut(u64, usize)| {
        let mut at = range.start;
        while at < range.end {
            let piece = (range.end - at).min(1 << 20);
            write(at, usize::try_from(piece).unwrap());
            at += piece;
        }
    };
    let junk = Numbers(0x5EED).bytes(1 << 20);
    let kept = mapped.used.union(&mapped.zeroed);
    for range in &Ranges::from_one(0..length).difference(&kept) {
        each_piece(range, &mut |at, piece| {
            target.write_all_at(&junk[..piece], at).unwrap()
        });
    }
    let mut buffer = vec![0; 1 << 20];
    for range in &mapped.used {
        each_piece(range, &mut |at, piece| {
            source.read_exact_at(&mut buffer[..piece], at).unwrap();
            if buffer[..piece].iter().any(|byte| *byte != 0) {
                target.write_all_at(&buffer[..piece], at).unwrap();
            }
        });
    }
}

/// Mounting picks a free loop device in two steps: one at a time.
static MOUNTING: Mutex<()> = Mutex::new(());

thread_local! {
    /// Each test's thread mounts in a namespace of its own. A namespace that another program makes meanwhile (for a virtual
    /// network, say) would otherwise take our mounts along and keep them alive after we unmounted them.
    static HIDDEN: () = {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        run("mount", &["--make-rprivate", "/"]);
    };
}

/// A loop mount (or one by ntfs-3g or exfat-fuse) that ends when dropped.
pub struct Mount(PathBuf);

impl Mount {
    pub fn new(image: &Path, folder: &Path, options: &str) -> Self {
        let options = format!("loop,{options}");
        Self::with(&["mount"], image, folder, &options)
    }

    pub fn ntfs(image: &Path, folder: &Path, options: &str) -> Self {
        Self::with(&["ntfs-3g"], image, folder, options)
    }

    pub fn exfat(image: &Path, folder: &Path, options: &str) -> Self {
        Self::with(
            &["mount", "-t", "exfat-fuse"],
            image,
            folder,
            &format!("loop,{options}"),
        )
    }

    /// As [`Mount::new`], of something that may be damaged.
    pub fn try_new(image: &Path, folder: &Path, options: &str) -> Option<Self> {
        Self::attempt(&["mount"], image, folder, &format!("loop,{options}")).ok()
    }

    fn with(program: &[&str], image: &Path, folder: &Path, options: &str) -> Self {
        Self::attempt(program, image, folder, options)
            .unwrap_or_else(|refused| panic!("{program:?}: {refused}"))
    }

    fn attempt(program: &[&str], image: &Path, folder: &Path, options: &str) -> Result<Self, String> {
        HIDDEN.with(|()| ());
        fs::create_dir_all(folder).unwrap();
        let places = ["-o", options, image.to_str().unwrap(), folder.to_str().unwrap()];
        let arguments = [&program[1..], places.as_slice()].concat();
        let mut refused = String::new();
        // Another process may take the loop device between the two steps.
        for _ in 0..20 {
            let turn = MOUNTING.lock().unwrap_or_else(PoisonError::into_inner);
            let (code, _, error) = try_run(program[0], &arguments);
            drop(turn);
            if code == 0 {
                return Ok(Self(folder.to_path_buf()));
            }
            refused = error;
        }
        Err(refused)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let folder = self.0.to_str().unwrap_or_default();
        // A child just forked by another thread still has our files open until it runs its own program.
        for _ in 0..200 {
            if try_run("umount", &[folder]).0 == 0 {
                return;
            }
        }
        let _ = try_run("umount", &["-l", folder]);
    }
}

/// Why an image is kept whole.
pub fn raw_reason(image: &Path) -> String {
    let disk = ImageFile::open(image);
    match filesystem::map(&disk, 0..fs::metadata(image).unwrap().len()).outcome {
        Outcome::Raw { reason } => reason,
        Outcome::Mapped(_) => panic!("{} is mapped", image.display()),
        Outcome::Refused { reason, .. } => panic!("{} is refused: {reason}", image.display()),
    }
}
