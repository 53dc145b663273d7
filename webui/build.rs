//! Rebuilds the crate when the built page changes.

fn main() {
    // An empty folder stands for a page that was not built; a missing one would make cargo rebuild every time.
    std::fs::create_dir_all("dist").expect("webui/dist can be created");
    println!("cargo::rerun-if-changed=dist");
}
