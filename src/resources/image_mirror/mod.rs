//! `ekshybrid_image_mirror`: container images in a registry of one's own.

mod apply;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Model, Span, Text};
use framework::path::Path;
use framework::permission::Permissions;
use framework::resource::{Plan, Resource, State};
use framework::value::Value;

use crate::attributes::permissions::{ANY, REPOSITORIES, aws};
use crate::cni::arguments::ImageRegistry;
use crate::images;
use crate::session::{Clients, Context};

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct Args {
    /// Images to copy: references such as `quay.io/cilium/cilium:v1.17.1`, as they are written in pods, and paths of
    /// archives and folders, which begin with `/` or `.`: OCI layouts, and what `docker save` writes, not compressed.
    pub images: BTreeSet<Image>,
    /// Registry to copy the images to, with an optional path: `registry.example.com:5000/mirror`. The host of each
    /// image is replaced by it, and the path below stays, as `image_registry` of `ekshybrid_cni` expects.
    #[attr(replace)]
    pub destination: ImageRegistry,
    /// Copy only these platforms, such as `linux/arm64`. The digest of an image for several platforms changes with
    /// that, so images that are named by digest need all of them. Default: all platforms, with their attestations.
    pub platforms: Option<BTreeSet<Platform>>,
    /// Create repositories that do not exist in the private Amazon ECR registry of `destination`, with ECR's default
    /// settings. They are never deleted. Other registries create repositories by themselves. Default: `false`.
    #[attr(default = false)]
    pub create_repositories: bool,
    /// Replace a tag in `destination` that holds another image, which this resource did not copy. Default: `false`,
    /// such a tag is reported and kept.
    #[attr(default = false)]
    pub overwrite_tags: bool,
    /// On destroy, and when an image is removed from `images`, delete what this resource has copied. Images that the
    /// registry held before are never deleted. Default: `false`, all images stay.
    #[attr(default = false)]
    pub delete_on_destroy: bool,
    /// Most layers that are copied at the same time. Default: 6.
    #[attr(default = six())]
    pub concurrency: Bounded<1, 32>,
    /// How long copying may take (default: 2 hours).
    pub timeouts: Option<Timeouts>,
}

/// How long copying may take.
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
    /// Where each image is: its place in `destination` with its digest, by the image as `images` names it; for an
    /// archive, by each name in it.
    #[attr(keep)]
    pub mirrored: BTreeMap<String, String>,
    /// Those of `mirrored` that the registry held already. They are never deleted.
    #[attr(keep)]
    pub existing_images: BTreeSet<String>,
    /// Images that the next apply copies again, because a change of `platforms` did not reach them. Empty after an
    /// apply.
    #[attr(keep)]
    pub pending_images: BTreeSet<String>,
    /// Names of the images in each archive of `images`.
    #[attr(keep)]
    pub archived_images: BTreeMap<String, BTreeSet<String>>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Registry to copy the images to, with an optional path.
    pub destination: ImageRegistry,
}

/// An image, or a path that leads to some.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image(String);

impl Image {
    /// Whether it is a file or a folder.
    fn is_path(&self) -> bool {
        self.0.starts_with(['/', '.'])
    }
}

impl Text for Image {
    const NOUN: &'static str = "image";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let image = Self(text.to_owned());
        if !image.is_path() {
            images::Reference::parse(text)
                .map_err(|error| format!("{error}. The path of an archive begins with `/` or `./`."))?;
        }
        Ok(image)
    }

    fn text(&self) -> &str {
        &self.0
    }
}

/// A platform of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform(String);

impl Text for Platform {
    const NOUN: &'static str = "platform";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        images::Platform::parse(text).map(|_| Self(text.to_owned())).map_err(|error| format!("{error}."))
    }

    fn text(&self) -> &str {
        &self.0
    }
}

framework::text_field!(Image, Platform);

fn six() -> Bounded<1, 32> {
    Bounded::new(6).unwrap_or_else(|| unreachable!("6 is in its bounds"))
}

/// The resource.
#[derive(Debug)]
pub enum ImageMirror {}

impl Resource for ImageMirror {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_image_mirror";
    const DESCRIPTION: &'static str = "\
Copies container images into a registry of your own, from other registries or from archives that were carried in, for \
clusters without internet access. Nothing but Terraform is needed: no Docker, no `crane`, no disk space for layers.

Manifests, indexes and attestations are copied byte for byte, so digests stay the same. Layers that the registry holds \
already are not copied again, or are mounted from another of its repositories; an interrupted apply is continued by the \
next one. An existing tag that holds the same image is a success; one that holds another image is reported and kept.

Credentials are those of the provider's `registries`; private Amazon ECR registries on either side get their password \
by `ecr:GetAuthorizationToken`, with the AWS credentials.

A plan asks `destination` for each image, and copies again what has been removed or changed there. A tag of the source \
is looked up only when its image is copied: if the tag moves later, nothing happens until the image is named by another \
tag or by digest. Images can be listed by `ekshybrid_cni_images`; pass `destination` on as `image_registry` of \
`ekshybrid_cni`.";
    const IMPORT_ID: &'static str = "`DESTINATION`, such as `registry.example.com:5000/mirror`; the first apply finds the \
        images of the configuration in the registry, and copies those that are missing";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ecr:GetAuthorizationToken"], ANY).when("a registry is in Amazon ECR"),
        aws(
            &[
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:UploadLayerPart",
                "ecr:CompleteLayerUpload",
                "ecr:PutImage",
            ],
            REPOSITORIES,
        )
        .when("a registry is in Amazon ECR"),
        aws(&["ecr:BatchDeleteImage"], REPOSITORIES).when("`delete_on_destroy` is set"),
        aws(&["ecr:CreateRepository"], REPOSITORIES).when("`create_repositories` is set"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        plan::validate(args, faults);
    }

    async fn plan(plan: &mut Plan<Self>, _: &Context) -> Result<()> {
        plan::plan(plan).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        if state.args.delete_on_destroy {
            let ours = state.outputs.mirrored.iter().filter(|(key, _)| !state.outputs.existing_images.contains(*key));
            let places: Vec<&str> = ours.map(|(_, place)| place.as_str()).collect();
            if !places.is_empty() {
                cx.report(
                    Diagnostic::warning(
                        "Images will be deleted",
                        format!("`delete_on_destroy` is set: {} will be deleted.", places.join(", ")),
                    )
                    .remedy("Nodes that do not hold these images yet can no longer pull them.")
                    .at(Path::attribute(Args::NAMES.delete_on_destroy)),
                );
            }
        }
        Ok(())
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::copy(args, None, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::copy(args, Some(prior), cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }

    fn import_id(id: &str) -> std::result::Result<Identity, String> {
        // The framework reads `@REGION` and slashes between attributes; a destination has slashes of its own.
        let destination = ImageRegistry::parse(id).map_err(|why| format!("{why} Write it as {}.", Self::IMPORT_ID))?;
        Ok(Identity { destination })
    }

    fn id(identity: &Value) -> Option<String> {
        identity.attribute("destination").and_then(Value::as_str).map(str::to_owned)
    }
}
