//! `ekshybrid_nodeadm_artifacts`: what nodeadm installs on hosts that cannot reach the internet.

mod apply;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Model, Span, Text};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use framework::value::Value;
use names::Word as _;

use crate::session::{Clients, Context};

/// Where AWS publishes the manifest. Source: aws/eks-hybrid, internal/aws/manifest.go.
const MANIFEST: &str = "https://hybrid-assets.eks.amazonaws.com/manifest.yaml";

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Version of Kubernetes, such as `1.34` (its latest patch at creation) or `1.34.3`.
    pub kubernetes_version: Version,
    /// Folder on the machine that runs Terraform to write the files to, such as `/srv/www/nodeadm`. It is created if it
    /// does not exist.
    #[attr(replace)]
    pub destination: String,
    /// URL under which hosts find the folder, such as `https://files.example.com/nodeadm`. The manifest names the files
    /// by it.
    pub base_url: Address,
    /// Architectures of the hosts, `amd64` and `arm64`. Default: both.
    #[attr(default = both())]
    pub architectures: BTreeSet<Architecture>,
    /// URL of the manifest to start from. Default: AWS's, `https://hybrid-assets.eks.amazonaws.com/manifest.yaml`.
    #[attr(default = published())]
    pub source: Address,
    /// On destroy, delete the files that this resource has written. Default: `false`, because hosts read the manifest
    /// again each time that nodeadm configures them.
    #[attr(default = false)]
    pub delete_on_destroy: bool,
    /// How long the download may take (default: 1 hour).
    pub timeouts: Option<Timeouts>,
}

/// How long the download may take.
#[derive(Clone, Debug, Model)]
pub struct Timeouts {
    /// On creation, such as `30m`.
    pub create: Option<Span>,
    /// On a change.
    pub update: Option<Span>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Version of Kubernetes with its patch, for `nodeadm install`.
    #[attr(keep)]
    pub version: String,
    /// URL of the manifest, for `nodeadm install --private-mode --manifest-override` and for `manifest_override` of
    /// `ekshybrid_node`.
    #[attr(keep)]
    pub manifest_url: String,
    /// SHA-256 of each file, by its path in `destination`.
    #[attr(keep)]
    pub files: BTreeMap<String, String>,
    /// Files that are missing or have been changed, which the next apply downloads again. Empty after an apply.
    #[attr(keep)]
    pub pending_files: BTreeSet<String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Folder of the files.
    pub destination: String,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(String);

impl Text for Version {
    const NOUN: &'static str = "version of Kubernetes";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        names::KubernetesVersion::parse(text).map(|_| Self(text.to_owned())).map_err(|invalid| format!("{invalid}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// An architecture, as nodeadm's manifest has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Architecture(String);

impl Text for Architecture {
    const NOUN: &'static str = "architecture";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            "amd64" | "arm64" => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` is none of `amd64`, `arm64`.")),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// An address of the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Text for Address {
    const NOUN: &'static str = "URL";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        match url::Url::parse(text) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                Err("The URL holds a user or a password, which would be stored in the state.".to_owned())
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() => Ok(Self(text.to_owned())),
            _ => Err(format!("`{text}` is not a URL. Write it like `https://files.example.com/nodeadm`.")),
        }
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(Version, Architecture, Address);

fn both() -> BTreeSet<Architecture> {
    ["amd64", "arm64"].map(|it| Architecture(it.to_owned())).into()
}

fn published() -> Address {
    Address(MANIFEST.to_owned())
}

/// The resource.
#[derive(Debug)]
pub enum NodeadmArtifacts {}

impl Resource for NodeadmArtifacts {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_nodeadm_artifacts";
    const DESCRIPTION: &'static str = "\
Downloads what `nodeadm install` puts on a host (kubelet, kubectl, CNI plugins, the ECR credential provider, the IAM \
authenticator, and the signing helper of IAM Roles Anywhere), with a manifest that names these files under a URL of your \
own. Serve the folder there, and hosts join without internet access: `nodeadm install VERSION --private-mode \
--manifest-override MANIFEST_URL`, which `private_mode` and `manifest_override` of `ekshybrid_node` do.

Each file is checked against the checksum that AWS publishes next to it. Files that exist with the right checksum are \
not downloaded again, and interrupted downloads are resumed.

With SSM, nodeadm also downloads `ssm-setup-cli` from Systems Manager's bucket in the region, whatever the manifest \
says: hosts need a gateway or interface endpoint for S3, or the proxy.";
    const IMPORT_ID: &'static str =
        "`DESTINATION`, such as `/srv/www/nodeadm`; read from the newest `manifest-VERSION.yaml` in it";
    const PERMISSIONS: Permissions = &[];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        plan::validate(args, faults);
    }

    async fn plan(plan: &mut Plan<Self>, _: &Context) -> Result<()> {
        plan::plan(plan);
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::download(args, None, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, _: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::download(args, Some(&prior.outputs), cx).await
    }

    async fn delete(state: &State<Self>, _: &Context) -> Result<()> {
        apply::delete(state).await
    }

    fn import_id(id: &str) -> std::result::Result<Identity, String> {
        // A path has slashes of its own.
        if id.is_empty() {
            return Err(format!("The folder is missing. Write the id as {}.", Self::IMPORT_ID));
        }
        Ok(Identity { destination: id.to_owned() })
    }

    fn id(identity: &Value) -> Option<String> {
        identity.attribute("destination").and_then(Value::as_str).map(str::to_owned)
    }
}

/// Why something could not be done with a file.
fn unusable(summary: &str, path: &std::path::Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(summary, format!("`{}`: {error}.", path.display()))
        .remedy("Check that the folder exists on the machine that runs Terraform and may be written to by its user.")
        .at(Path::attribute(Args::NAMES.destination))
}
