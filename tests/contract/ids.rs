//! Import ids: each example of one gives a state whose `id` is the same text.

use std::path::{Path, PathBuf};

use ekshybrid::registry::Ekshybrid;
use framework::provider::ProviderServer;
use framework::server::{Host, ImportRequest, Server};
use framework::value::Value;
use tokio_util::sync::CancellationToken;

/// Types that declare `id` themselves, because AWS has a name for it or it is known earlier than the whole identity.
const OWN: [&str; 4] =
    ["ekshybrid_activation", "ekshybrid_host_file", "ekshybrid_outpost_cluster", "ekshybrid_vpc_endpoints"];

/// The file of an example's commands.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/resources").join(name).join("import.sh")
}

/// The ids in the commands of an example.
fn ids(name: &str) -> Vec<String> {
    let file = example(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let commands = text.lines().filter_map(|line| line.strip_prefix("terraform import "));
    commands
        .map(|command| {
            let (_, id) = command.split_once(' ').expect("an address and an id");
            id.trim_matches(['"', '\'']).to_owned()
        })
        .collect()
}

#[tokio::test]
async fn every_resource_has_its_import_id() {
    let server = ProviderServer::<Ekshybrid>::new();
    let rules = server.resource_rules();
    for (name, schema) in &server.schema().resources {
        let id = schema.attributes.iter().find(|attribute| attribute.name == "id");
        assert!(id.is_some_and(|id| id.computed && !id.optional), "{name} has no computed `id`");
        if rules.get(name.as_str()).is_some_and(|rules| rules.not_importable.is_some()) {
            assert!(!example(name).exists(), "{name} cannot be imported, and has an example of an import");
            continue;
        }
        let ids = ids(name);
        assert!(!ids.is_empty(), "{name} has no example of an import id");
        for id in ids.into_iter().filter(|_| !OWN.contains(&name.as_str())) {
            let request = ImportRequest {
                type_name: name.clone(),
                id: id.clone(),
                identity: Value::Null,
                host: Host { deferral_allowed: false, write_only_allowed: true },
            };
            let answer = server.import(request, CancellationToken::new()).await;
            assert!(!answer.diagnostics.has_errors(), "{name} `{id}`: {:?}", answer.diagnostics);
            let state = &answer.value.first().expect("one object").state;
            assert_eq!(state.attribute("id"), Some(&Value::from(id.as_str())), "{name}");
        }
    }
}
