//! Makes the registry's pages, or checks them: `cargo run --example docs -- [--check] docs`.

use std::path::Path;
use std::process::ExitCode;

use ekshybrid::registry::Ekshybrid;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    framework::docs::run::<Ekshybrid>(Path::new("examples"), &arguments, "make docs")
}
