//! Each resource is shown by a case that every Terraform runs, the oldest and OpenTofu included.

use std::path::{Path, PathBuf};

use framework::server::Server as _;
use harness::case::Case;

use crate::bare;

#[test]
fn every_resource_has_a_case_for_every_terraform() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance");
    for name in bare().schema().resources.keys() {
        let folder = cases.join(name.strip_prefix("ekshybrid_").unwrap_or(name));
        let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let files = files.map(|file| file.expect("a file").path());
        let files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|kind| kind == "case")).collect();
        let loaded = files.iter().map(|file| Case::load(&cases, file).expect("a case"));
        let shows = loaded.filter(|case| case.needs.every_terraform);
        let applied = shows.filter(|case| case.steps.iter().any(|step| step.heading == "apply"));
        assert!(applied.count() > 0, "{}: no case says `on every terraform because …`", folder.display());
    }
}
