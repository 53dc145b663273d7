//! Makes the program smaller: it is part of every network boot.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A program that may be loaded anywhere has a relocation of 24 bytes for each pointer it holds; packed (DT_RELR, gABI)
    // they take a tenth. glibc 2.36 and newer read them, also in a static program.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // Functions of the same code are kept once; nothing here compares the addresses of functions.
    println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
}
