//! Generates the bindings of the wire contract under `proto/`, client and server, without protoc.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", proto.display());
    let files = ["tfplugin6.proto", "plugin/controller.proto", "plugin/stdio.proto", "plugin/broker.proto"]
        .map(|file| proto.join(file));
    let descriptors = protox::compile(&files, [&proto])?;
    tonic_prost_build::configure()
        // Ordered maps make the schema answer the same bytes each time.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
