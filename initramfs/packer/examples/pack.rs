//! Packs boot files by hand: `pack KERNEL-PACKAGE INIT OUTPUT [BUSYBOX] [FIRMWARE-FOLDER…]`; zstd's level by `LEVEL`.

use packer::{Recipe, build, check};
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [kernel, init, output, rest @ ..] = arguments.as_slice() else {
        return Err("usage: pack KERNEL-PACKAGE INIT OUTPUT [BUSYBOX] [FIRMWARE-FOLDER…]".into());
    };
    let recipe = Recipe {
        kernel: kernel.clone(),
        kernel_origin: kernel.display().to_string(),
        init: init.clone(),
        shell: rest.first().filter(|path| path.is_file()).cloned(),
        firmware: rest.iter().filter(|path| path.is_dir()).cloned().collect(),
        loaders: Vec::new(),
        level: std::env::var("LEVEL")
            .ok()
            .and_then(|level| level.parse().ok())
            .unwrap_or(19),
    };
    let started = std::time::Instant::now();
    let report = build(&recipe, Path::new(output))?;
    println!(
        "{} modules, {} bytes unpacked, {:.1} s",
        report.modules,
        report.bytes_unpacked,
        started.elapsed().as_secs_f64()
    );
    for file in &report.index.files {
        println!("{:>10} {}", file.bytes, file.name);
    }
    for finding in check(output)? {
        println!("{finding}");
    }
    Ok(())
}
