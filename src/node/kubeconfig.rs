//! Kubeconfigs for people and programs that use a cluster.
//!
//! Source of members and defaults: `aws eks update-kubeconfig`, and the Kubernetes reference, Config (v1). Which
//! clusters are named by their id: EKS user guide, "Create an Amazon EKS cluster on AWS Outposts".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use names::{Arn, ClusterName, LocalClusterId};
use serde_json::{Value as Json, json};

use super::config::{CertificateAuthority, Endpoint};
use super::shape::{self, Known, Reader, holds, object, text};
use super::tree::{Faults, Parsed, Tree};

object! {
    check = check;
    /// Contexts of one kubeconfig.
    pub struct Options (OptionsDraft) {
        /// The contexts, at least one. Each gets a cluster and a user of its own, of the same name.
        pub contexts: Vec<ContextOptions>,
        /// Name of the current context. Default: the first one.
        pub current_context: Option<Name>,
    }
}

object! {
    check = check_context;
    /// A cluster, and who signs in to it: with `aws`, with `client_certificate`, or, without both, as whatever
    /// kubectl is told otherwise (`--token`).
    pub struct ContextOptions (ContextDraft) {
        /// Name of the context, such as the cluster's ARN, which `aws eks update-kubeconfig` uses.
        pub name: Name,
        /// Endpoint of the API server, or another address that leads there, such as `https://localhost:8443` behind a
        /// tunnel; then set `tls_server_name` to the host name of the endpoint.
        pub server: Endpoint,
        /// Certificate authority of the cluster, as EKS returns it: PEM in base64. During a rotation of the authority,
        /// it holds both.
        pub certificate_authority: CertificateAuthority,
        /// Further certificate authorities to trust, PEM, such as that of a proxy that inspects TLS.
        pub additional_certificate_authorities: Option<Vec<Certificates>>,
        /// Name to expect in the server's certificate. Default: the host name in `server`.
        pub tls_server_name: Option<HostName>,
        /// Proxy on the way to the API server.
        pub proxy_url: Option<ProxyUrl>,
        /// Namespace of the context.
        pub namespace: Option<Name>,
        /// Sign in with AWS credentials of the reader: the AWS CLI creates a token for each command, so the kubeconfig
        /// contains no secret.
        pub aws: Option<AwsUser>,
        /// Sign in with a client certificate, as during a disconnection of a local cluster from AWS.
        pub client_certificate: Option<CertificateUser>,
    }
}

object! {
    check = check_aws;
    /// Arguments of `aws eks get-token`.
    pub struct AwsUser (AwsUserDraft) {
        /// Name of the cluster: of one in the Region, or of a local cluster whose etcd is on instance stores
        /// (`etcd_instance_type` set). One of `cluster_name` and `cluster_id` is required.
        pub cluster_name: Option<ClusterName>,
        /// ID of the cluster: of a local cluster whose etcd is on EBS volumes.
        pub cluster_id: Option<LocalClusterId>,
        /// Region of the cluster.
        pub region: Name,
        /// Profile of the AWS CLI. Default: the reader's own choice.
        pub profile: Option<Name>,
        /// ARN of an IAM role that the reader assumes.
        pub role_arn: Option<RoleArn>,
    }
}

object! {
    /// A client certificate and its key.
    pub struct CertificateUser (CertificateUserDraft) {
        /// The certificate, PEM, such as `certificate` of `ekshybrid_client_certificate`.
        pub certificate: Certificates,
        /// The private key, PEM. The kubeconfig contains it.
        pub private_key: PrivateKey,
    }
}

text! {
    /// A name in a kubeconfig.
    pub struct Name;
    rule = "a text without line breaks that is not empty";
    check = |text| holds(!text.trim().is_empty() && !text.chars().any(char::is_control));
}

text! {
    /// Certificates in PEM.
    pub struct Certificates;
    rule = "certificates in PEM format";
    check = |text| {
        if text.contains("PRIVATE KEY-----") {
            return Err("it holds a private key, which does not belong here".to_owned());
        }
        let begins = text.matches("-----BEGIN CERTIFICATE-----").count();
        holds(begins > 0 && begins == text.matches("-----END CERTIFICATE-----").count())
    };
    shown = false;
}

text! {
    /// A private key in PEM.
    pub struct PrivateKey;
    rule = "a private key in PEM format";
    check = |text| holds(text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----"));
    shown = false;
}

text! {
    /// A host name.
    pub struct HostName;
    rule = "a host name or an IP address";
    check = |text| holds(!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b)));
}

text! {
    /// URL of a proxy.
    pub struct ProxyUrl;
    rule = "the URL of a proxy that begins with `http://`, `https://` or `socks5://`";
    check = |text| holds(["http://", "https://", "socks5://"].iter().any(|scheme| text.starts_with(scheme)));
    shown = false;
}

text! {
    /// ARN of an IAM role.
    pub struct RoleArn;
    rule = "the ARN of an IAM role such as `arn:aws:iam::111122223333:role/ops`";
    check = |text| holds(Arn::parse(text).is_ok_and(|arn| arn.of("iam", "role").is_ok()));
}

fn check(draft: &OptionsDraft, reader: &mut Reader) {
    let Known::Ready(contexts) = &draft.contexts else { return };
    if contexts.is_empty() {
        reader.fault_at(&["contexts"], "needs at least one context");
    }
    let mut names: Vec<&str> = Vec::new();
    let mut all_known = true;
    for context in contexts {
        match context {
            Known::Ready(ContextDraft { name: Known::Ready(name), .. }) => {
                if names.contains(&name.as_str()) {
                    reader.fault_at(&["contexts"], format!("has two contexts named `{}`", name.as_str()));
                }
                names.push(name.as_str());
            }
            _ => all_known = false,
        }
    }
    if let Known::Ready(current) = &draft.current_context
        && all_known
        && !names.contains(&current.as_str())
    {
        reader.fault_at(&["current_context"], format!("is `{}`, which is none of the contexts", current.as_str()));
    }
}

fn check_context(draft: &ContextDraft, reader: &mut Reader) {
    if draft.aws.given() == Some(true) && draft.client_certificate.given() == Some(true) {
        reader.fault_at(&["client_certificate"], "excludes `aws`: a client certificate signs in without AWS");
    }
}

fn check_aws(draft: &AwsUserDraft, reader: &mut Reader) {
    match (draft.cluster_name.given(), draft.cluster_id.given()) {
        (Some(true), Some(true)) => reader.fault_at(
            &["cluster_id"],
            "excludes `cluster_name`: the API server accepts tokens for one of them, by its architecture",
        ),
        (Some(false), Some(false)) => reader.fault_at(&["cluster_name"], "or `cluster_id` is required"),
        _ => {}
    }
}

/// Parses the options from an HCL object.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<Options>, Faults> {
    shape::parse(tree)
}

/// All attributes, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<Options>()
}

impl Options {
    /// The kubeconfig, YAML.
    #[must_use]
    pub fn render(&self) -> String {
        let contexts: Vec<Context<'_>> = self.contexts.iter().map(ContextOptions::context).collect();
        let first = contexts.first().map_or("", |context| context.name);
        render(&contexts, self.current_context.as_ref().map_or(first, Name::as_str))
    }
}

impl ContextOptions {
    fn context(&self) -> Context<'_> {
        let further = self.additional_certificate_authorities.iter().flatten();
        let further: Vec<&str> = further.map(Certificates::as_str).collect();
        Context {
            name: self.name.as_str(),
            server: self.server.as_str(),
            authorities: authorities(self.certificate_authority.as_str(), &further),
            tls_server_name: self.tls_server_name.as_ref().map(HostName::as_str),
            proxy_url: self.proxy_url.as_ref().map(ProxyUrl::as_str),
            namespace: self.namespace.as_ref().map(Name::as_str),
            user: match (&self.aws, &self.client_certificate) {
                (Some(aws), _) => User::Aws {
                    cluster: match (&aws.cluster_id, &aws.cluster_name) {
                        (Some(id), _) => Cluster::Id(id.as_str()),
                        (None, name) => Cluster::Name(name.as_ref().map_or("", |name| name.as_str())),
                    },
                    region: aws.region.as_str(),
                    profile: aws.profile.as_ref().map(Name::as_str),
                    role_arn: aws.role_arn.as_ref().map(RoleArn::as_str),
                },
                (None, Some(user)) => {
                    User::Certificate { certificate: user.certificate.as_str(), key: user.private_key.as_str() }
                }
                (None, None) => User::Nobody,
            },
        }
    }
}

/// PEM in base64, with further PEM texts behind it.
#[must_use]
pub fn authorities(base64: &str, further: &[&str]) -> String {
    let decoded = STANDARD.decode(base64).ok().and_then(|pem| String::from_utf8(pem).ok());
    let (false, Some(mut pem)) = (further.is_empty(), decoded) else { return base64.to_owned() };
    for text in further {
        if !pem.ends_with('\n') {
            pem.push('\n');
        }
        pem.push_str(text);
    }
    STANDARD.encode(pem)
}

/// A context, with a cluster and a user of the same name.
#[derive(Clone)]
pub struct Context<'a> {
    /// Its name.
    pub name: &'a str,
    /// URL of the API server.
    pub server: &'a str,
    /// PEM in base64.
    pub authorities: String,
    /// Name to expect in the server's certificate.
    pub tls_server_name: Option<&'a str>,
    /// Proxy on the way.
    pub proxy_url: Option<&'a str>,
    /// Namespace.
    pub namespace: Option<&'a str>,
    /// Who signs in.
    pub user: User<'a>,
}

/// Who signs in.
#[derive(Clone, Copy)]
pub enum User<'a> {
    /// The AWS CLI's caller.
    Aws {
        /// What the token is for.
        cluster: Cluster<'a>,
        /// Region of the cluster.
        region: &'a str,
        /// Profile of the AWS CLI.
        profile: Option<&'a str>,
        /// Role to assume.
        role_arn: Option<&'a str>,
    },
    /// The holder of a certificate; both are PEM.
    Certificate {
        /// The certificate.
        certificate: &'a str,
        /// Its key.
        key: &'a str,
    },
    /// Whatever the program that reads the kubeconfig adds.
    Nobody,
}

/// What a token names.
#[derive(Clone, Copy)]
pub enum Cluster<'a> {
    /// The cluster's name.
    Name(&'a str),
    /// The id of a local cluster whose etcd is on EBS volumes.
    Id(&'a str),
}

/// A kubeconfig, YAML. Values are JSON, which is YAML too and needs no further quotes.
#[must_use]
pub fn render(contexts: &[Context<'_>], current: &str) -> String {
    let mut text = String::from("apiVersion: v1\nkind: Config\nclusters:\n");
    for context in contexts {
        let mut cluster = vec![("server", json!(context.server))];
        cluster.extend(context.tls_server_name.map(|name| ("tls-server-name", json!(name))));
        cluster.extend(context.proxy_url.map(|url| ("proxy-url", json!(url))));
        cluster.push(("certificate-authority-data", json!(context.authorities)));
        text += &format!("  - name: {}\n    cluster:\n", json!(context.name));
        lines(&mut text, 6, &cluster);
    }
    text += "contexts:\n";
    for Context { name, namespace, .. } in contexts {
        let mut context = vec![("cluster", json!(name)), ("user", json!(name))];
        context.extend(namespace.map(|namespace| ("namespace", json!(namespace))));
        text += &format!("  - name: {}\n    context:\n", json!(name));
        lines(&mut text, 6, &context);
    }
    text += &format!("current-context: {}\nusers:\n", json!(current));
    for context in contexts {
        text += &format!("  - name: {}\n", json!(context.name));
        user(&mut text, &context.user);
    }
    text
}

fn user(text: &mut String, user: &User<'_>) {
    match user {
        User::Nobody => *text += "    user: {}\n",
        User::Certificate { certificate, key } => {
            *text += "    user:\n";
            let members = [
                ("client-certificate-data", json!(STANDARD.encode(certificate))),
                ("client-key-data", json!(STANDARD.encode(key))),
            ];
            lines(text, 6, &members);
        }
        User::Aws { cluster, region, profile, role_arn } => {
            let (option, cluster) = match cluster {
                Cluster::Name(name) => ("--cluster-name", name),
                Cluster::Id(id) => ("--cluster-id", id),
            };
            let mut command = vec!["--region", region, "eks", "get-token", option, cluster, "--output", "json"];
            command.extend(role_arn.iter().flat_map(|role| ["--role-arn", role]));
            *text += "    user:\n      exec:\n";
            let mut exec = vec![
                ("apiVersion", json!("client.authentication.k8s.io/v1beta1")),
                ("command", json!("aws")),
                ("args", json!(command)),
                ("interactiveMode", json!("IfAvailable")),
            ];
            exec.extend(profile.map(|profile| ("env", json!([{ "name": "AWS_PROFILE", "value": profile }]))));
            lines(text, 8, &exec);
        }
    }
}

/// Members of a mapping.
fn lines(text: &mut String, indent: usize, members: &[(&str, Json)]) {
    for (name, value) in members {
        *text += &format!("{:indent$}{name}: {value}\n", "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    fn parsed(options: &Json) -> Result<Parsed<Options>, Faults> {
        fn tree(json: &Json) -> Tree {
            match json {
                Json::Object(entries) => {
                    Tree::Map(entries.iter().map(|(name, value)| (name.clone(), tree(value))).collect())
                }
                Json::Array(items) => Tree::List(items.iter().map(tree).collect()),
                Json::String(text) => Tree::Text(text.clone()),
                Json::Bool(value) => Tree::Bool(*value),
                _ => Tree::Null,
            }
        }
        parse(&tree(options))
    }

    fn rendered(options: &Json) -> String {
        match parsed(options) {
            Ok(Parsed::Ready(options)) => options.render(),
            Ok(Parsed::Pending) => panic!("everything is known"),
            Err(faults) => panic!("{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    fn context(more: &Json) -> Json {
        let mut context = json!({
            "name": "plant", "server": "https://abc.gr7.us-west-2.eks.amazonaws.com",
            "certificate_authority": STANDARD.encode(PEM),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            context[name] = value.clone();
        }
        context
    }

    #[test]
    fn several_contexts() {
        let options = json!({
            "contexts": [
                context(&json!({
                    "namespace": "web",
                    "aws": { "cluster_name": "plant", "region": "us-west-2", "profile": "ops", "role_arn": "arn:aws:iam::111122223333:role/ops" },
                })),
                context(&json!({
                    "name": "cut off", "server": "https://localhost:8443", "tls_server_name": "abc.example",
                    "proxy_url": "socks5://127.0.0.1:1080",
                    "client_certificate": { "certificate": PEM, "private_key": KEY },
                })),
                context(&json!({ "name": "nobody" })),
            ],
            "current_context": "cut off",
        });
        let expected = format!(
            r#"apiVersion: v1
kind: Config
clusters:
  - name: "plant"
    cluster:
      server: "https://abc.gr7.us-west-2.eks.amazonaws.com"
      certificate-authority-data: "{authority}"
  - name: "cut off"
    cluster:
      server: "https://localhost:8443"
      tls-server-name: "abc.example"
      proxy-url: "socks5://127.0.0.1:1080"
      certificate-authority-data: "{authority}"
  - name: "nobody"
    cluster:
      server: "https://abc.gr7.us-west-2.eks.amazonaws.com"
      certificate-authority-data: "{authority}"
contexts:
  - name: "plant"
    context:
      cluster: "plant"
      user: "plant"
      namespace: "web"
  - name: "cut off"
    context:
      cluster: "cut off"
      user: "cut off"
  - name: "nobody"
    context:
      cluster: "nobody"
      user: "nobody"
current-context: "cut off"
users:
  - name: "plant"
    user:
      exec:
        apiVersion: "client.authentication.k8s.io/v1beta1"
        command: "aws"
        args: ["--region","us-west-2","eks","get-token","--cluster-name","plant","--output","json","--role-arn","arn:aws:iam::111122223333:role/ops"]
        interactiveMode: "IfAvailable"
        env: [{{"name":"AWS_PROFILE","value":"ops"}}]
  - name: "cut off"
    user:
      client-certificate-data: "{authority}"
      client-key-data: "{key}"
  - name: "nobody"
    user: {{}}
"#,
            authority = STANDARD.encode(PEM),
            key = STANDARD.encode(KEY),
        );
        assert_eq!(rendered(&options), expected);
    }

    #[test]
    fn a_local_cluster_on_volumes_is_named_by_its_id() {
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        let user = json!({ "aws": { "cluster_id": id, "region": "us-west-2" } });
        let text = rendered(&json!({ "contexts": [context(&user)] }));
        assert!(text.contains(&format!(r#""get-token","--cluster-id","{id}","#)), "{text}");
        assert!(text.contains("current-context: \"plant\"\n"), "{text}");
    }

    #[test]
    fn further_authorities_follow_the_clusters() {
        let own = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----";
        let options = json!({ "contexts": [context(&json!({ "additional_certificate_authorities": [own] }))] });
        let expected = STANDARD.encode(format!("{PEM}{own}"));
        assert!(rendered(&options).contains(&expected));
        assert_eq!(authorities("UEVN", &[]), "UEVN");
    }

    #[test]
    fn faults() {
        let id = "01234567-89ab-cdef-0123-456789abcdef";
        for (options, expected) in [
            (json!({ "contexts": [] }), "contexts: needs at least one context"),
            (json!({ "contexts": [context(&json!({})), context(&json!({}))] }), "two contexts named `plant`"),
            (
                json!({ "contexts": [context(&json!({}))], "current_context": "plan" }),
                "current_context: is `plan`, which is none of the contexts",
            ),
            (
                json!({ "contexts": [context(&json!({ "aws": { "region": "us-west-2" } }))] }),
                "contexts[0].aws.cluster_name: or `cluster_id` is required",
            ),
            (
                json!({ "contexts": [context(&json!({ "aws": { "region": "r", "cluster_id": id, "cluster_name": "a" } }))] }),
                "excludes `cluster_name`",
            ),
            (
                json!({ "contexts": [context(&json!({
                    "aws": { "region": "r", "cluster_name": "a" },
                    "client_certificate": { "certificate": PEM, "private_key": KEY },
                }))] }),
                "client_certificate: excludes `aws`",
            ),
            (
                json!({ "contexts": [context(&json!({ "client_certificate": { "certificate": KEY, "private_key": PEM } }))] }),
                "it holds a private key",
            ),
        ] {
            let faults = parsed(&options).expect_err(expected);
            let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("AAAA"), "{text}");
        }
    }
}
