//! The archive, parsed by Python's email parser as cloud-init does.

use serde_json::{Value, json};

use super::{CODE, and, by_ssm, ready};
use crate::node::user_data::hybrid::script;
use crate::node::user_data::tests::parts;

#[test]
fn the_parts_are_a_cloud_config_and_a_script() {
    let user_data = ready(by_ssm());
    let text = user_data.render();
    let parts = parts(&text);
    let [(config_type, config_name, config), (script_type, script_name, script)] = &parts[..] else {
        panic!("{parts:?}")
    };
    assert_eq!([config_type, config_name], ["text/cloud-config", "nodeadm.cfg"]);
    assert_eq!([script_type, script_name], ["text/x-shellscript", "ekshybrid-join"]);

    assert!(config.starts_with("#cloud-config\n"));
    let config = Value::from(&helm::from_yaml(config).unwrap());
    assert_eq!(
        config,
        json!({"write_files": [{
            "path": "/etc/nodeadm/nodeConfig.yaml",
            "owner": "root:root",
            "permissions": "0600",
            "content": user_data.node_config.to_yaml(),
        }]})
    );
    assert!(script.starts_with("#!/bin/bash\n"));
    assert_eq!(*script, script::render(&user_data));
    assert!(!script.contains(CODE), "the code belongs into the NodeConfig alone");
}

/// cloud-init runs scripts in the order of their names, and merges cloud-configs as their headers say.
#[test]
fn own_parts_are_around_the_join() {
    let own = "#cloud-config\nntp:\n  servers: [10.0.0.1]\nwrite_files:\n- path: /etc/motd\n";
    let (before, after) = ("#!/bin/sh\necho before\n", "#!/usr/bin/python3\nprint()\n");
    let input =
        and(by_ssm(), json!({"cloud_configs": [own], "scripts_before": [before, before], "scripts_after": [after]}));
    let text = ready(input).render();
    let parts = parts(&text);
    let plain = ready(by_ssm()).render();
    let plain = crate::node::user_data::tests::parts(&plain);
    assert_eq!([&parts[0], &parts[4]], [&plain[0], &plain[1]], "our own parts are the same");
    let part = |kind: &str, name: &str, content: &str| (kind.to_owned(), name.to_owned(), content.to_owned());
    assert_eq!(parts[1], part("text/cloud-config", "ekshybrid-own-000", own));
    assert_eq!(parts[2], part("text/x-shellscript", "ekshybrid-before-000", before));
    assert_eq!(parts[3], part("text/x-shellscript", "ekshybrid-before-001", before));
    assert_eq!(parts[5], part("text/x-shellscript", "ekshybrid-next-000", after));
    let scripts: Vec<&String> = parts[2..].iter().map(|(_, name, _)| name).collect();
    assert!(scripts.is_sorted(), "{scripts:?}");
    assert_eq!(text.matches("X-Merge-Type: list(append)+dict(no_replace,recurse_list)+str()\n").count(), 1);
}

#[test]
fn text_beyond_ascii_arrives_whole() {
    let mut input = by_ssm();
    input["node_config"]["containerd"] = json!({"config": "# Grüße 😀\nversion = 2\n"});
    let parts = parts(&ready(input).render());
    let config = Value::from(&helm::from_yaml(&parts[0].2).unwrap());
    assert!(config["write_files"][0]["content"].as_str().unwrap().contains("# Grüße 😀\n"), "{config}");
}

/// What the module's documentation promises to users who try this in EC2.
#[test]
fn an_ordinary_result_fits_into_the_user_data_of_ec2() {
    let mut input = and(
        by_ssm(),
        json!({
            "nodeadm": {"source": "https://mirror.example.com/nodeadm/v1.0.20/{architecture}", "sha256": "a".repeat(64)},
            "proxy": {"http": "http://proxy.example.com:3128", "https": "http://proxy.example.com:3128",
                      "no_proxy": ["localhost", "127.0.0.1", "10.0.0.0/8", ".example.com"]},
        }),
    );
    let cluster = &mut input["node_config"]["cluster"];
    cluster["api_server_endpoint"] = json!("https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com");
    // A certificate authority of EKS is about 1,100 characters of PEM.
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", "A".repeat(1100));
    cluster["certificate_authority"] = json!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem));
    cluster["cidr"] = json!("10.100.0.0/16");
    let length = ready(input).render().len();
    assert!(length < 16 * 1024, "{length}");
}
