//! What a machine does with its user data at the first boot, as far as a node is concerned.
//!
//! cloud-init's MIME archives are read, and in them: nodeadm's `NodeConfig` (as a part of its own, as EC2 nodes have
//! it, or in a file that a cloud-config writes, as hosts have it), and a call of `bootstrap.sh`.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// One part of an archive.
struct Part {
    content_type: String,
    content: String,
}

/// How a host joins a cluster with Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joining {
    pub cluster: String,
    pub region: String,
    pub activation_id: String,
    pub activation_code: String,
    pub labels: BTreeMap<String, String>,
    pub max_pods: Option<u32>,
}

/// The number of pods that user data in base64 sets for an EC2 node; `None` leaves it to the instance type.
pub fn max_pods(user_data: &str) -> Option<u32> {
    let parts = parts(&decoded(user_data)?);
    let configs = parts.iter().filter(|part| part.content_type == "application/node.eks.aws");
    let by_config =
        configs.filter_map(|part| read(&part.content)).filter_map(|config| max_pods_of(&config)).next_back();
    by_config.or_else(|| {
        parts.iter().filter(|part| part.content.contains("/etc/eks/bootstrap.sh")).find_map(|part| flag(&part.content))
    })
}

/// How a machine with this user data in base64 joins as a hybrid node; `None` when it does not.
pub fn joining(user_data: &str) -> Option<Joining> {
    let parts = parts(&decoded(user_data)?);
    // A NodeConfig alone joins nothing.
    parts.iter().find(|part| part.content_type == "text/x-shellscript" && part.content.contains("nodeadm"))?;
    let clouds = parts.iter().filter(|part| part.content_type == "text/cloud-config");
    let config = clouds.filter_map(|part| read(&part.content)).find_map(|cloud| {
        let files = cloud["write_files"].as_array()?;
        files.iter().filter_map(|file| read(&content_of(file)?)).find(|file| file["kind"] == "NodeConfig")
    })?;
    let text = |pointer: &str| config.pointer(pointer)?.as_str().map(ToOwned::to_owned);
    Some(Joining {
        cluster: text("/spec/cluster/name")?,
        region: text("/spec/cluster/region")?,
        activation_id: text("/spec/hybrid/ssm/activationId")?,
        activation_code: text("/spec/hybrid/ssm/activationCode")?,
        labels: labels(&config),
        max_pods: max_pods_of(&config),
    })
}

/// User data as EC2 keeps it.
fn decoded(user_data: &str) -> Option<String> {
    let compact: String = user_data.split_whitespace().collect();
    String::from_utf8(STANDARD.decode(compact).ok()?).ok()
}

fn read(text: &str) -> Option<Value> {
    helm::from_yaml(text).ok().map(|data| Value::from(&data))
}

/// The content of an entry of `write_files`.
fn content_of(file: &Value) -> Option<String> {
    let content = file["content"].as_str()?;
    match file["encoding"].as_str() {
        None | Some("text/plain") => Some(content.to_owned()),
        Some("b64" | "base64") => decoded(content),
        Some(_) => None,
    }
}

fn max_pods_of(config: &Value) -> Option<u32> {
    let given = config.pointer("/spec/kubelet/config/maxPods").and_then(Value::as_u64);
    // A flag wins over the file.
    let flags = kubelet_flags(config);
    flag(&flags.join(" ")).or(given.and_then(|number| number.try_into().ok()))
}

fn kubelet_flags(config: &Value) -> Vec<String> {
    let flags = config.pointer("/spec/kubelet/flags").and_then(Value::as_array);
    flags.into_iter().flatten().filter_map(|flag| flag.as_str().map(ToOwned::to_owned)).collect()
}

fn labels(config: &Value) -> BTreeMap<String, String> {
    let flags = kubelet_flags(config);
    let lists = flags.iter().filter_map(|flag| flag.strip_prefix("--node-labels="));
    lists
        .flat_map(|list| list.split(','))
        .filter_map(|label| label.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The number in `--max-pods=…` or `--max-pods …`; the last one counts.
fn flag(text: &str) -> Option<u32> {
    let mut found = None;
    for (at, name) in text.match_indices("--max-pods") {
        let rest = &text[at + name.len()..];
        let Some(rest) = rest.strip_prefix(['=', ' ']) else { continue };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        found = digits.parse().ok().or(found);
    }
    found
}

/// The parts of an archive; a text that is none is one part.
fn parts(text: &str) -> Vec<Part> {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or_default();
    let boundary = header(head, "content-type").filter(|kind| kind.starts_with("multipart/")).and_then(|kind| {
        let (_, rest) = kind.split_once("boundary=")?;
        Some(rest.trim_matches('"').to_owned())
    });
    let Some(boundary) = boundary else {
        let content_type = if text.starts_with("#!") {
            "text/x-shellscript"
        } else if text.starts_with("#cloud-config") {
            "text/cloud-config"
        } else {
            "text/plain"
        };
        return vec![Part { content_type: content_type.to_owned(), content: text }];
    };
    let body = body.split(&format!("--{boundary}--")).next().unwrap_or_default();
    body.split(&format!("--{boundary}\n"))
        .skip(1)
        .filter_map(|part| {
            let (head, content) = part.split_once("\n\n")?;
            let kind = header(head, "content-type")?;
            let content = match header(head, "content-transfer-encoding").as_deref() {
                Some("base64") => decoded(content)?,
                _ => content.to_owned(),
            };
            Some(Part { content_type: kind.split(';').next().unwrap_or_default().trim().to_owned(), content })
        })
        .collect()
}

/// The value of a header.
fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(parts: &[(&str, &str)]) -> String {
        let mut text = "Content-Type: multipart/mixed; boundary=\"==b==\"\nMIME-Version: 1.0\n\n".to_owned();
        for (kind, content) in parts {
            text.push_str(&format!("--==b==\nContent-Type: {kind}; charset=\"us-ascii\"\n\n{content}\n"));
        }
        text.push_str("--==b==--\n");
        STANDARD.encode(text)
    }

    #[test]
    fn the_number_of_pods() {
        let node = "application/node.eks.aws";
        let config = |spec: &str| format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {spec}\n");
        for (user_data, expected) in [
            (archive(&[(node, &config("{kubelet: {config: {maxPods: 20}}}"))]), Some(20)),
            (archive(&[(node, &config("{kubelet: {config: {maxPods: 20}, flags: [--max-pods=31]}}"))]), Some(31)),
            (archive(&[(node, &config("{cluster: {name: c}}"))]), None),
            // nodeadm lays later ones over earlier ones.
            (
                archive(&[
                    (node, &config("{kubelet: {config: {maxPods: 20}}}")),
                    (node, &config("{kubelet: {config: {maxPods: 8}}}")),
                ]),
                Some(8),
            ),
            (
                archive(&[(
                    "text/x-shellscript",
                    "#!/bin/bash\n/etc/eks/bootstrap.sh c --use-max-pods false --kubelet-extra-args '--max-pods=110'\n",
                )]),
                Some(110),
            ),
            (STANDARD.encode("#!/bin/sh\n/etc/eks/bootstrap.sh c --kubelet-extra-args '--max-pods 9'"), Some(9)),
            (STANDARD.encode("#!/bin/sh\necho --max-pods=9"), None),
            ("not base64!".to_owned(), None),
        ] {
            assert_eq!(max_pods(&user_data), expected, "{:?}", decoded(&user_data));
        }
    }

    #[test]
    fn a_host_that_joins() {
        let config = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster: {name: c, region: us-west-2}\n  hybrid: {ssm: {activationId: a, activationCode: b}}\n  kubelet: {flags: ['--node-labels=x=y,z=w']}\n";
        let cloud = format!(
            "#cloud-config\nwrite_files:\n- path: /etc/other\n  content: x\n- path: /etc/n\n  encoding: b64\n  content: {}\n",
            STANDARD.encode(config)
        );
        let script = ("text/x-shellscript", "#!/bin/sh\nnodeadm init\n");
        let joins = archive(&[("text/cloud-config", &cloud), script]);
        let expected = Joining {
            cluster: "c".into(),
            region: "us-west-2".into(),
            activation_id: "a".into(),
            activation_code: "b".into(),
            labels: [("x", "y"), ("z", "w")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            max_pods: None,
        };
        assert_eq!(joining(&joins), Some(expected));
        for other in [archive(&[("text/cloud-config", &cloud)]), archive(&[script]), STANDARD.encode("#!/bin/sh\n")] {
            assert_eq!(joining(&other), None);
        }
    }
}
