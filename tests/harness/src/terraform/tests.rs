//! Cases with Terraform's built-in `terraform_data`, on every Terraform that is found: what must hold, and what must
//! not pass for it. Where there is none, the part of the suite that runs all cases says so.

use super::*;
use crate::case::Case;
use crate::run;

/// Runs a case on every Terraform found, and gives the faults of each.
fn faults(text: &str) -> Vec<Vec<String>> {
    let case = Case::parse("self", text).unwrap();
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    find(&project)
        .iter()
        .map(|executable| {
            let mut layer = RealTerraform::new(executable, None, String::new(), case.traces()).unwrap();
            run::run(&case, executable.kind, &mut layer, None).faults
        })
        .collect()
}

#[test]
fn a_whole_life_passes() {
    let text = r#"
# Create, read, change, replace, output.
=== plan
variable "input" {
  default = "one"
}
resource "terraform_data" "a" {
  input            = var.input
  triggers_replace = [1]
}
resource "terraform_data" "b" {
  input = { id = terraform_data.a.id }
}
output "id" {
  value = terraform_data.a.id
}
---
plan: terraform_data.a create
plan: terraform_data.b create
plan: terraform_data.a.id unknown
plan: terraform_data.a.input = "one"
plan: terraform_data.b.input.id unknown
=== apply
---
state: terraform_data.a.output = "one"
state: terraform_data.b.output.id = "@{state.terraform_data.a.id}"
output: id ~ ^[0-9a-f-]{36}$
=== apply
resource "terraform_data" "a" {
  input            = "two"
  triggers_replace = [1]
}
---
plan: terraform_data.a update
plan: terraform_data.b delete
state: terraform_data.b gone
state: terraform_data.a.output = "two"
=== plan
resource "terraform_data" "a" {
  input            = "two"
  triggers_replace = [2]
}
---
plan: terraform_data.a replace by triggers_replace
=== plan destroy
---
plan: terraform_data.a delete
=== import terraform_data.a by id @{state.terraform_data.a.id}
resource "terraform_data" "a" {
  input = "two"
}
---
plan: terraform_data.a import
differs: triggers_replace
"#;
    for faults in faults(text) {
        assert_eq!(faults, Vec::<String>::new());
    }
}

#[test]
fn what_does_not_hold_is_a_fault() {
    let configuration = "resource \"terraform_data\" \"a\" {\n  input = \"one\"\n}\n";
    for (steps, fault) in [
        ("=== plan\nCONFIG---\nplan: empty\n", "expected an empty plan"),
        ("=== plan\nCONFIG---\nplan: terraform_data.a update\n", "expected terraform_data.a update"),
        ("=== apply\nCONFIG---\nstate: terraform_data.a.output = \"two\"\n", "expected \"two\""),
        ("=== apply\nCONFIG---\nstate: terraform_data.a gone\n", "is still in the state"),
        ("=== apply\nCONFIG---\noutput: x set\n", "there is no output x"),
        ("=== apply\nCONFIG---\nerror: Not seen\n", "expected the error `Not seen`"),
        ("=== apply\nCONFIG---\nlog: never contains terraform_data.a\n", "was logged"),
        ("=== plan\nCONFIG\nresource \"terraform_data\" \"b\" {\n  bogus = 1\n}\n", "Unsupported argument"),
        ("=== validate\nresource \"terraform_data\" \"b\" {\n  bogus = 1\n}\n", "Unsupported argument"),
        (
            "=== apply\nresource \"terraform_data\" \"a\" {\n  input = timestamp()\n}\n",
            "the plan right after apply is not empty",
        ),
    ] {
        let text = format!("# Must fail.\n{}", steps.replace("CONFIG", configuration));
        for faults in faults(&text) {
            assert!(faults.iter().any(|seen| seen.contains(fault)), "{fault}: {faults:#?}");
        }
    }
}

#[test]
fn errors_are_matched_with_their_place() {
    let text = r#"
# A wrong argument is reported at itself.
=== plan
resource "terraform_data" "a" {
  bogus = 1
}
---
error at terraform_data.a.bogus: Unsupported argument
  | named "bogus" is not
  | expected
=== validate
---
error at terraform_data.a.bogus: Unsupported argument
"#;
    for faults in faults(text) {
        assert_eq!(faults, Vec::<String>::new());
    }
}

#[test]
fn excerpts_of_the_configuration_are_not_what_the_provider_says() {
    let excerpt = r#""snippet":{"code":"secret"}"#;
    let lines = format!("text\n{{\"diagnostic\":{{\"detail\":\"told\",{excerpt}}}}}\n");
    assert_eq!(without_excerpts(&lines), "text\n{\"diagnostic\":{\"detail\":\"told\"}}\n");
    let document = format!("{{\n  \"diagnostics\": [\n    {{{excerpt}}}\n  ]\n}}");
    assert_eq!(without_excerpts(&document), r#"{"diagnostics":[{}]}"#);
}
