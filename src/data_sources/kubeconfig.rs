//! `ekshybrid_kubeconfig`: a kubeconfig for people and programs that use a cluster.

use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Maybe, Model, Secret};
use framework::path::Path;
use framework::permission::Permissions;

use crate::attributes::permissions::CLUSTER;
use crate::attributes::{ClusterName, Region};
use crate::aws;
use crate::node::kubeconfig::{self, User};
use crate::session::place::{DEFERRED, Place};
use crate::session::{Clients, Context, explain};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// EKS cluster. Default: the provider's `cluster_name`.
    pub cluster_name: Option<ClusterName>,
    /// Name of the context. Default: the cluster's ARN, as in `aws eks update-kubeconfig`.
    pub context_name: Option<String>,
    /// Namespace of the context.
    pub namespace: Option<String>,
    /// Profile of the AWS CLI with which the reader signs in. Default: the reader's own choice. Conflicts with
    /// `client_certificate`.
    pub profile: Option<String>,
    /// ARN of an IAM role that the reader assumes. Conflicts with `client_certificate`.
    pub role_arn: Option<String>,
    /// Client certificate (PEM) to sign in with instead of the AWS CLI, as for a local cluster that is disconnected
    /// from AWS. Needs `client_key`.
    pub client_certificate: Option<String>,
    /// Private key of the certificate, PEM.
    pub client_key: Option<Secret<String>>,
    /// API server to use instead of the cluster's endpoint, such as `https://localhost:8443` behind a tunnel. Its
    /// certificate is still checked for the name of the cluster's endpoint.
    pub server: Option<String>,
    /// Name to expect in the API server's certificate. Default: the host name of the cluster's endpoint.
    pub tls_server_name: Option<String>,
    /// Proxy on the way to the API server: a URL that begins with `http://`, `https://` or `socks5://`.
    pub proxy_url: Option<String>,
    /// Certificate authorities (PEM) to trust in addition to the cluster's, such as that of a proxy that inspects TLS.
    pub additional_certificate_authorities: Option<Vec<String>>,
    /// Region of the cluster. Default: the provider's.
    pub region: Option<Region>,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Name of the cluster.
    pub cluster_name: ClusterName,
    /// Region of the cluster.
    pub region: Region,
    /// The kubeconfig, YAML. Null with `client_key`; see `sensitive_kubeconfig`.
    pub kubeconfig: Option<String>,
    /// The kubeconfig with the private key, YAML. Null without `client_key`.
    pub sensitive_kubeconfig: Option<Secret<String>>,
}

/// The data source.
#[derive(Debug)]
pub enum Kubeconfig {}

impl DataSource for Kubeconfig {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;

    const NAME: &'static str = "ekshybrid_kubeconfig";
    const DESCRIPTION: &'static str = "\
A kubeconfig for people and programs that use a cluster, as `aws eks update-kubeconfig` writes it: the AWS CLI of its \
reader creates a token for each command, so it contains no secret. Local clusters on Outposts are named by id or by \
name, whichever their architecture requires. During a rotation of the cluster's certificate authority, it contains \
both authorities.

With `client_certificate` and `client_key` it works without AWS, and contains the key.";
    const PERMISSIONS: Permissions = &[CLUSTER];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        let names = [Args::NAMES.client_certificate, Args::NAMES.client_key];
        let set = [args.client_certificate.set().is_some(), args.client_key.set().is_some()];
        let missing =
            [matches!(args.client_certificate, Maybe::Known(None)), matches!(args.client_key, Maybe::Known(None))];
        for (one, other) in [(0, 1), (1, 0)] {
            if set[one] && missing[other] {
                let cause = format!("`{}` needs `{}`.", names[one], names[other]);
                faults.push(Diagnostic::error("Missing argument", cause).at(Path::attribute(names[one])));
            }
        }
        for (name, is_set) in
            [(Args::NAMES.profile, args.profile.set().is_some()), (Args::NAMES.role_arn, args.role_arn.set().is_some())]
        {
            if set[0] && is_set {
                let cause = format!("A client certificate signs in without AWS: remove `{name}` or `{}`.", names[0]);
                faults.push(Diagnostic::error("Conflicting arguments", cause).at(Path::attribute(name)));
            }
        }
        if let Some(server) = args.server.set()
            && !server.starts_with("https://")
        {
            let cause = format!("`{server}` is not a URL that begins with `https://`.");
            faults.push(Diagnostic::error("Invalid API server", cause).at(Path::attribute(Args::NAMES.server)));
        }
        if let Some(proxy) = args.proxy_url.set()
            && !["http://", "https://", "socks5://"].iter().any(|scheme| proxy.starts_with(scheme))
        {
            // It may contain a password.
            let cause = "This is not a URL that begins with `http://`, `https://` or `socks5://`.";
            faults.push(Diagnostic::error("Invalid proxy", cause).at(Path::attribute(Args::NAMES.proxy_url)));
        }
    }

    async fn read(args: &Args, cx: &Context) -> Result<Outputs> {
        let summary = "Could not write the kubeconfig";
        let place = Place::of(args.cluster_name.as_ref(), args.region.as_ref(), cx).await?;
        let at = Path::attribute(Args::NAMES.cluster_name);
        let cluster = place.eks(cx)?.cluster(place.cluster.as_str()).await.map_err(|error| {
            if error.is_not_found() {
                let cause = format!("{error}.");
                return Diagnostic::error("Cluster not found", cause).remedy(DEFERRED).at(at.clone()).into();
            }
            explain(summary, &error, None)
        })?;
        let Some(kubeconfig) = kubeconfig(args, &cluster, &place.region) else {
            let cause = format!("The {place} has no Kubernetes API: its status is {}.", cluster.status);
            return Err(Diagnostic::error(summary, cause).at(at).into());
        };
        let is_secret = args.client_key.is_some();
        Ok(Outputs {
            cluster_name: place.cluster,
            region: place.region,
            kubeconfig: (!is_secret).then(|| kubeconfig.clone()),
            sensitive_kubeconfig: is_secret.then(|| Secret::new(kubeconfig)),
        })
    }
}

/// The kubeconfig; `None` for a cluster without an API server.
fn kubeconfig(args: &Args, cluster: &aws::eks::Cluster, region: &Region) -> Option<String> {
    let (endpoint, authority) = (cluster.endpoint.as_ref()?, cluster.certificate_authority.as_ref()?);
    let name = args.context_name.as_ref().unwrap_or(&cluster.arn);
    let user = match (&args.client_certificate, &args.client_key) {
        (Some(certificate), Some(key)) => User::Certificate { certificate, key: key.expose() },
        _ => User::Aws {
            cluster: if cluster.token_audience() == &cluster.name {
                kubeconfig::Cluster::Name(&cluster.name)
            } else {
                kubeconfig::Cluster::Id(cluster.token_audience())
            },
            region: region.as_str(),
            profile: args.profile.as_deref(),
            role_arn: args.role_arn.as_deref(),
        },
    };
    let further: Vec<&str> = args.additional_certificate_authorities.iter().flatten().map(String::as_str).collect();
    let context = kubeconfig::Context {
        name,
        server: args.server.as_ref().unwrap_or(endpoint),
        authorities: kubeconfig::authorities(authority, &further),
        tls_server_name: args.tls_server_name.as_deref().or(args.server.as_ref().map(|_| host_of(endpoint))),
        proxy_url: args.proxy_url.as_deref(),
        namespace: args.namespace.as_deref(),
        user,
    };
    Some(kubeconfig::render(&[context], name))
}

/// The host name of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> aws::eks::Cluster {
        aws::eks::Cluster {
            name: "plant".to_owned(),
            arn: "arn:aws:eks:us-west-2:111122223333:cluster/plant".to_owned(),
            endpoint: Some("https://ABC.gr7.us-west-2.eks.amazonaws.com".to_owned()),
            certificate_authority: Some("UEVN".to_owned()),
            ..aws::eks::Cluster::default()
        }
    }

    fn args() -> Args {
        Args {
            cluster_name: None,
            context_name: None,
            namespace: None,
            profile: None,
            role_arn: None,
            client_certificate: None,
            client_key: None,
            server: None,
            tls_server_name: None,
            proxy_url: None,
            additional_certificate_authorities: None,
            region: None,
        }
    }

    fn written(args: &Args, cluster: &aws::eks::Cluster) -> String {
        let region = <Region as framework::model::Text>::parse("us-west-2").expect("a region");
        kubeconfig(args, cluster, &region).expect("a kubeconfig")
    }

    #[test]
    fn people_sign_in_with_the_aws_cli() {
        let expected = r#"apiVersion: v1
kind: Config
clusters:
  - name: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
    cluster:
      server: "https://ABC.gr7.us-west-2.eks.amazonaws.com"
      certificate-authority-data: "UEVN"
contexts:
  - name: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
    context:
      cluster: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
      user: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
current-context: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
users:
  - name: "arn:aws:eks:us-west-2:111122223333:cluster/plant"
    user:
      exec:
        apiVersion: "client.authentication.k8s.io/v1beta1"
        command: "aws"
        args: ["--region","us-west-2","eks","get-token","--cluster-name","plant","--output","json"]
        interactiveMode: "IfAvailable"
"#;
        assert_eq!(written(&args(), &cluster()), expected);
    }

    #[test]
    fn a_local_cluster_is_named_as_its_architecture_requires() {
        for (etcd, expected) in [
            (None, r#""get-token","--cluster-id","0f0e","#),
            (Some("m5.large"), r#""get-token","--cluster-name","plant","#),
        ] {
            let outpost = aws::eks::Outpost { etcd_instance_type: etcd.map(str::to_owned), ..Default::default() };
            let local = aws::eks::Cluster { id: Some("0f0e".to_owned()), outpost: Some(outpost), ..cluster() };
            let found = written(&args(), &local);
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn a_certificate_and_a_tunnel() {
        let given = Args {
            context_name: Some("plant: \"a\"".to_owned()),
            namespace: Some("kube-system".to_owned()),
            client_certificate: Some("CERT".to_owned()),
            client_key: Some(Secret::new("KEY".to_owned())),
            server: Some("https://localhost:8443".to_owned()),
            ..args()
        };
        let expected = r#"apiVersion: v1
kind: Config
clusters:
  - name: "plant: \"a\""
    cluster:
      server: "https://localhost:8443"
      tls-server-name: "ABC.gr7.us-west-2.eks.amazonaws.com"
      certificate-authority-data: "UEVN"
contexts:
  - name: "plant: \"a\""
    context:
      cluster: "plant: \"a\""
      user: "plant: \"a\""
      namespace: "kube-system"
current-context: "plant: \"a\""
users:
  - name: "plant: \"a\""
    user:
      client-certificate-data: "Q0VSVA=="
      client-key-data: "S0VZ"
"#;
        assert_eq!(written(&given, &cluster()), expected);
    }

    #[test]
    fn a_proxy_and_its_authority() {
        let given = Args {
            tls_server_name: Some("api.plant".to_owned()),
            proxy_url: Some("socks5://127.0.0.1:1080".to_owned()),
            additional_certificate_authorities: Some(vec!["MORE".to_owned()]),
            ..args()
        };
        let found = written(&given, &cluster());
        // PEM, a line break, MORE
        for expected in ["tls-server-name: \"api.plant\"", "proxy-url: \"socks5:", "\"UEVNCk1PUkU=\""] {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn a_profile_and_a_role() {
        let given = Args { profile: Some("p".to_owned()), role_arn: Some("arn:r".to_owned()), ..args() };
        let found = written(&given, &cluster());
        assert!(found.contains(r#""json","--role-arn","arn:r"]"#), "{found}");
        assert!(found.ends_with("        env: [{\"name\":\"AWS_PROFILE\",\"value\":\"p\"}]\n"), "{found}");
    }
}
