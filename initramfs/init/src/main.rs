#![doc = include_str!("../README.md")]

mod agent;
mod dhcp_client;
mod disk;
mod efi;
mod machine;
mod module;
mod network;
mod process;
mod screen;

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    if Path::new(&program)
        .file_name()
        .is_some_and(|name| name == "modprobe")
    {
        return ExitCode::from(module::answer_request(arguments));
    }
    if arguments.next().as_deref() == Some("agent") {
        agent::run();
    }
    if std::process::id() == 1 {
        process::run();
    }
    eprintln!("this is the program of a netbooted machine; the kernel starts it as process 1");
    ExitCode::from(2)
}
