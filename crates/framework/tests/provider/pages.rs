//! The registry's pages of the test provider.

use std::fs;
use std::path::Path;

use framework::docs::{Difference, Page, compare, pages, write};
use framework::provider::ProviderServer;

use crate::cloud::Cloud;

/// Examples of some types, beside files that are none.
fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in [
        ("provider/provider.tf", "provider \"cloud\" {}\n"),
        ("resources/cloud_server/resource.tf", "# The plain one.\n"),
        ("resources/cloud_server/resource_big.tf", "# A big one.\n"),
        ("resources/cloud_server/resource_big.tf.bak", "# No example.\n"),
        ("resources/cloud_server/variables.tf", "# No example either.\n"),
        ("resources/cloud_server/import.sh", "terraform import cloud_server.web srv-3\n"),
        ("resources/cloud_server/import-by-string-id.tf", "import {\n  id = \"srv-3\"\n}\n"),
        ("resources/cloud_server/import-by-identity.tf", "import {\n  identity = { id = \"srv-3\" }\n}\n"),
        ("list-resources/cloud_server/list-resource.tfquery.hcl", "list \"cloud_server\" \"all\" {}\n"),
        ("functions/join/function.tf", "# join\n"),
    ] {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("a file");
    }
    folder
}

fn made() -> Vec<Page> {
    let examples = examples();
    pages(&ProviderServer::<Cloud>::new(), examples.path()).expect("pages")
}

fn page(path: &str) -> String {
    made().into_iter().find(|page| page.path == path).unwrap_or_else(|| panic!("`{path}`")).text
}

#[test]
fn every_type_has_its_page_in_its_place() {
    let paths: Vec<String> = made().into_iter().map(|page| page.path).collect();
    let expected = [
        "actions/reboot.md",
        "data-sources/image.md",
        "ephemeral-resources/token.md",
        "functions/join.md",
        "functions/ratio.md",
        "functions/shout.md",
        "index.md",
        "list-resources/server.md",
        "resources/server.md",
    ];
    assert_eq!(paths, expected);
    assert_eq!(made(), made(), "the same declarations give the same pages");
}

#[test]
fn the_page_of_a_resource() {
    let expected = r#"---
# Generated from the declarations in the sources: change those, then run `make docs`.
page_title: "cloud_server Resource - cloud"
subcategory: ""
description: |-
  A server in the cloud.

  It keeps its address until it is replaced.
---

# cloud_server (Resource)

A server in the cloud.

It keeps its address until it is replaced.

## Example Usage

```terraform
# The plain one.
```

```terraform
# A big one.
```

## Schema

Exactly one of `image` or `snapshot` must be set.

`password_wo` and `password_version` are set together or not at all.

### Required

- `name` (String, Forces replacement) Name of the server.

### Optional

> **NOTE**: [Write-only arguments](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments) are supported in Terraform 1.11 and later.

- `disks` (Attributes List) Disks, in the order of their devices. (see [below for nested schema](#nestedatt--disks))
- `image` (String) Image to begin with.
- `labels` (Map of String, Deprecated) Labels for people. **Deprecated**: Use `names` instead.
- `lifetime` (String) How long it lives.
- `password_version` (Number) Counts up when the password is to be set anew.
- `password_wo` (String, Sensitive, [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)) Password of the first user, never stored.
- `size` (Number) Processors. A server grows in place; a smaller one is a new one.
- `snapshot` (String) Snapshot to begin with.
- `watch` (Attributes) Where it is watched from. (see [below for nested schema](#nestedatt--watch))
- `zone` (String, Forces replacement) Zone to run in. Decided by the cloud when it is not set.

### Read-Only

- `console_password` (String, Sensitive) Password of the console.
- `generation` (Number) How often it has changed.
- `id` (String) Identifier that the cloud gives.

<a id="nestedatt--disks"></a>
### Nested Schema for `disks`

Required:

- `size` (Number) Size in GiB.

Optional:

- `filesystem` (String) File system on it.
- `key` (String, Sensitive) Key that it is encrypted with.
- `key_file` (String) File with that key.


<a id="nestedatt--watch"></a>
### Nested Schema for `watch`

Required:

- `address` (String) Address that is told.

Optional:

- `every` (String) How often.
- `token_version` (Number) Counts up when the token is to be set anew.
- `token_wo` (String, Sensitive, [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)) Token for the address, never stored.

## Import

Import is supported using the following syntax:

In Terraform v1.12.0 and later, the [`import` block](https://developer.hashicorp.com/terraform/language/import) can be used with the `identity` attribute, for example:

```terraform
import {
  identity = { id = "srv-3" }
}
```

### Identity Schema

#### Required

- `id` (String) Identifier that the cloud gives.

In Terraform v1.5.0 and later, the [`import` block](https://developer.hashicorp.com/terraform/language/import) can be used with the `id` attribute, for example:

```terraform
import {
  id = "srv-3"
}
```

The [`terraform import` command](https://developer.hashicorp.com/terraform/cli/commands/import) can be used, for example:

```shell
terraform import cloud_server.web srv-3
```

The import id is srv-3.

Objects that exist are found with `terraform query`, by the [list resource `cloud_server`](../list-resources/server.md).
"#;
    expect_lines(&page("resources/server.md"), expected);
}

/// Equal, or else the first line that differs.
fn expect_lines(found: &str, expected: &str) {
    for (number, (found, expected)) in (1..).zip(found.lines().zip(expected.lines())) {
        assert_eq!(found, expected, "line {number}");
    }
    assert_eq!(found, expected);
}

#[test]
fn the_page_of_the_provider_has_no_subcategory() {
    let text = page("index.md");
    assert!(text.contains("page_title: \"cloud Provider\"\ndescription: |-\n"), "{text}");
    assert!(text.contains("# cloud Provider\n"), "{text}");
    assert!(text.contains("```terraform\nprovider \"cloud\" {}\n```"), "{text}");
    assert!(text.contains("- `token` (String, Sensitive) Token that the cloud takes."), "{text}");
}

#[test]
fn the_page_of_a_function() {
    let expected = "---
# Generated from the declarations in the sources: change those, then run `make docs`.
page_title: \"join function - cloud\"
subcategory: \"\"
description: |-
  Joins texts
---

# function: join

Joins any number of texts.

## Example Usage

```terraform
# join
```

## Signature

```text
join(separator string, texts string...) string
```

## Arguments

1. `separator` (String) What stands between the texts.
1. `texts` (Variadic, String) The texts to join.
";
    expect_lines(&page("functions/join.md"), expected);
    let nullable = page("functions/shout.md");
    assert!(nullable.contains("1. `text` (String, Nullable) "), "{nullable}");
    assert!(nullable.contains("shout(text string, more list of string) string"), "{nullable}");
}

#[test]
fn pages_of_other_kinds_say_what_they_are() {
    for (path, heading) in [
        ("data-sources/image.md", "# cloud_image (Data Source)"),
        ("ephemeral-resources/token.md", "# cloud_token (Ephemeral Resource)"),
        ("actions/reboot.md", "# cloud_reboot (Action)"),
        ("list-resources/server.md", "# cloud_server (List Resource)"),
    ] {
        let text = page(path);
        assert!(text.contains(heading), "{text}");
        assert!(!text.contains("## Import"), "{text}");
    }
    assert!(page("list-resources/server.md").contains("list \"cloud_server\" \"all\" {}"));
}

fn keep(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
    fs::write(file, text).expect("a file");
}

#[test]
fn stale_pages_are_named_and_renewed_and_guides_are_kept() {
    let pages = made();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    assert_eq!(compare(&pages, folder).expect("a comparison").len(), pages.len(), "all are missing");

    write(&pages, folder).expect("the pages");
    assert_eq!(compare(&pages, folder).expect("a comparison"), []);

    let server = page("resources/server.md");
    keep(folder, "resources/server.md", &server.replacen("# cloud_server", "# cloud_servant", 1));
    keep(folder, "functions/whisper.md", "gone");
    keep(folder, "guides/first-steps.md", "by hand");
    fs::remove_file(folder.join("index.md")).expect("it was there");

    let expected = [
        Difference::Missing("index.md".into()),
        Difference::Stale {
            path: "resources/server.md".into(),
            line: 11,
            kept: "# cloud_servant (Resource)".into(),
            made: "# cloud_server (Resource)".into(),
        },
        Difference::Left("functions/whisper.md".into()),
    ];
    assert_eq!(compare(&pages, folder).expect("a comparison"), expected);

    assert_eq!(write(&pages, folder).expect("the pages"), expected);
    assert_eq!(compare(&pages, folder).expect("a comparison"), []);
    assert!(!folder.join("functions/whisper.md").exists());
    assert_eq!(fs::read_to_string(folder.join("guides/first-steps.md")).expect("the guide"), "by hand");
}

#[test]
fn a_page_that_ends_early_is_stale_at_its_end() {
    let pages = [Page { path: "index.md".into(), text: "a\nb\n".into() }];
    let folder = tempfile::tempdir().expect("a folder");
    keep(folder.path(), "index.md", "a\n");
    let found = compare(&pages, folder.path()).expect("a comparison");
    assert_eq!(found[0].to_string(), "index.md:2: stale\n  - (the end)\n  + b");
}
