//! How the release is linked.
//!
//! - Functions of identical code become one.
//! - The program has a fixed address, as Terraform and the providers written in Go have. At any other address each
//!   start reads a table of some hundred thousand addresses and writes as many: 3 MB of memory (DECISIONS.md, 26).
//!
//! Only rustc's own LLD is asked for it, which is the default linker on x86-64 Linux since Rust 1.90; GNU's ld cannot
//! do the first. Where another linker is in use, the program is only larger.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTFLAGS");
    if env::var("PROFILE").as_deref() == Ok("release") && links_with_lld() {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

fn links_with_lld() -> bool {
    let target = "x86_64-unknown-linux-gnu";
    // Flags that name a linker may name any.
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    env::var("TARGET").as_deref() == Ok(target)
        && !flags.contains("link")
        && env::var_os("RUSTC_LINKER").is_none()
        && sysroot().is_some_and(|root| root.join("lib/rustlib").join(target).join("bin/gcc-ld/ld.lld").is_file())
}

fn sysroot() -> Option<PathBuf> {
    let output = Command::new(env::var_os("RUSTC")?).args(["--print", "sysroot"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(text.trim()))
}
