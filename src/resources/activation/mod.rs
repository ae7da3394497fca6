//! `ekshybrid_activation`: the id and code with which hosts register as Systems Manager managed instances.
//!
//! AWS has no call to change an activation, so a change to any argument that AWS knows creates a new one. A
//! replacement keeps the hosts: they register through the activation, but do not depend on it afterwards.

mod apply;
mod arguments;
mod notes;
mod plan;
mod read;

use std::collections::BTreeMap;

use framework::diagnostic::{Diagnostics, Result};
use framework::model::{Bounded, Model, Secret, Span, Text, Timestamp};
use framework::permission::Permissions;
use framework::resource::{MoveSource, Plan, Resource, State};
use tokio_util::sync::CancellationToken;

use crate::attributes::permissions::{ANY, KEYS, MANAGED_INSTANCES, PARAMETERS, ROLES, aws};
use crate::attributes::{ActivationId, Region, RoleName, Timeouts};
use crate::session::{Clients, Context, tags};

pub use arguments::{InstanceName, KeyId, Note, ParameterName};
pub use read::state;

/// How many hosts may register with one activation. Source: Systems Manager API reference, CreateActivation.
pub type RegistrationLimit = Bounded<1, 1000>;

const ONE_HOST: RegistrationLimit = match RegistrationLimit::new(1) {
    Some(limit) => limit,
    // Evaluated at compile time: 1 is within the bounds.
    None => unreachable!(),
};

/// Arguments.
#[derive(Clone, Debug, Model)]
// Two rules may name the same attribute.
#[allow(clippy::duplicated_attributes)]
#[model(at_most_one_of(expires_in, expiration_date))]
#[model(at_most_one_of(expiration_date, rotate_before))]
pub struct Args {
    /// Name of the IAM role for the hosts, including its path if it has one (`path/Name`). Not an ARN. The role must
    /// trust `ssm.amazonaws.com`; the function `hybrid_node_trust_policy` returns that policy.
    #[attr(replace)]
    pub iam_role: RoleName,
    /// Maximum number of hosts that can register with the activation, from 1 to 1000. Default: 1.
    #[attr(replace, default = ONE_HOST)]
    pub registration_limit: RegistrationLimit,
    /// How long hosts can register, counted from creation, such as `36h`; at most `30d`. Conflicts with
    /// `expiration_date`. Default: 24 hours. A change creates a new activation, unless this one already expires at
    /// that time; removing the argument changes nothing.
    pub expires_in: Option<Validity>,
    /// Date and time until which hosts can register, in RFC 3339 format; at most 30 days ahead. Conflicts with
    /// `expires_in` and `rotate_before`. An activation with a fixed date is not rotated when it expires: a new one
    /// would have the same date.
    #[attr(replace)]
    pub expiration_date: Option<Timestamp>,
    /// Name of the hosts in Systems Manager lists: at most 256 letters, digits, spaces and `_ . : / = + - @`.
    #[attr(replace)]
    pub default_instance_name: Option<InstanceName>,
    /// Description of the activation, at most 256 characters.
    #[attr(replace)]
    pub description: Option<Note>,
    /// Plan a new activation when this one has expired. Default: false. A new activation has a new id and code, and
    /// everything that uses them changes too: read "Rotation and machines" above before you set this.
    #[attr(default = false)]
    pub rotate_when_expired: bool,
    /// Plan a new activation this long before the current one expires, such as `48h`. Must be shorter than its
    /// validity. Default: never.
    pub rotate_before: Option<Span>,
    /// Plan a new activation once `registration_limit` hosts have registered. Default: false. The same caution
    /// applies as for `rotate_when_expired`.
    #[attr(default = false)]
    pub rotate_when_exhausted: bool,
    /// Name of a Systems Manager SecureString parameter to store the code in. The code is then never written to
    /// state, and `activation_code` is null; read it with the ephemeral resource `ekshybrid_activation_code`. An
    /// existing parameter is neither overwritten nor deleted, unless its tag `ekshybrid:activation-id` names this
    /// activation or one that it replaces.
    #[attr(replace)]
    pub store_code_in: Option<ParameterName>,
    /// KMS key that encrypts the parameter of `store_code_in`: the id, the ARN, `alias/NAME` or the ARN of an alias of a
    /// symmetric key in the activation's region. Default: the account's key for Systems Manager, `alias/aws/ssm`. A
    /// change encrypts the code anew, and keeps the activation. Whoever reads the code needs `kms:Decrypt` on the key.
    pub kms_key_id: Option<KeyId>,
    /// On destroy, deregister the hosts that registered with this activation or with one that it replaced, including
    /// running hosts. The plan of a destroy lists them. A replacement deregisters nothing, even if the activation is
    /// tainted. Default: false.
    ///
    /// Terraform before 1.16 and OpenTofu lose track of the replaced activation when its arguments change, when
    /// several activations with equal arguments are replaced at once, or with `create_before_destroy`; every version
    /// loses track of what a tainted activation had replaced. Hosts of such activations stay registered;
    /// `orphaned_ids` of `ekshybrid_managed_instances` finds those that no longer report.
    #[attr(default = false)]
    pub deregister_on_destroy: bool,
    /// Region of the activation. Must be the cluster's region. Default: the provider's.
    #[attr(replace)]
    pub region: Option<Region>,
    /// Tags of the activation. Systems Manager copies them to every host that registers. The provider's
    /// `default_tags` are added. AWS cannot change an activation's tags, so a change here or in `default_tags`
    /// replaces the activation, with a new id and code; the plan warns and names the tags. A tag set here overrides a
    /// default tag: repeat the old value here to keep the activation.
    pub tags: Option<BTreeMap<String, String>>,
    /// Operation timeouts. `create`: how long to retry while a new IAM role propagates; default: `2m`. `delete`: how
    /// long deregistering the hosts may take; default: `10m`.
    pub timeouts: Option<Timeouts>,
}

/// Outputs.
#[derive(Clone, Debug, Model)]
pub struct Outputs {
    /// Id of the activation, a UUID.
    #[attr(keep)]
    pub id: String,
    /// Activation code that belongs to the id. Null if `store_code_in` is set, and after an import: AWS returns it
    /// only at creation.
    #[attr(keep)]
    pub activation_code: Option<Secret<String>>,
    /// Name of the parameter that holds the code; known only after the code is stored, and null without
    /// `store_code_in`. Refer to this attribute rather than `store_code_in` from `ekshybrid_activation_code`, so that
    /// the code is not read too early.
    #[attr(keep)]
    pub code_parameter_name: Option<String>,
    /// Whether the activation has expired.
    #[attr(keep)]
    pub expired: bool,
    /// Number of hosts that have registered with the activation.
    #[attr(keep)]
    pub registrations_count: i64,
    /// Date and time until which hosts can register, in RFC 3339 format.
    #[attr(keep)]
    pub expiration_date: Timestamp,
    /// Creation time, in RFC 3339 format.
    #[attr(keep)]
    pub created_date: Option<Timestamp>,
    /// Region of the activation. Null only in a state just moved from another provider, until the next read.
    #[attr(keep)]
    pub region: Option<Region>,
    /// All tags, including the provider's `default_tags`.
    #[attr(keep)]
    pub tags_all: BTreeMap<String, String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct Identity {
    /// Id of the activation, a UUID.
    pub id: ActivationId,
    /// Region of the activation. Default: the provider's.
    pub region: Option<Region>,
}

/// Validity of an activation: more than zero, at most 30 days. Source: Systems Manager user guide, hybrid
/// activations.
#[derive(Clone, Debug)]
pub struct Validity(Span);

/// The longest validity that AWS allows.
const LONGEST_VALIDITY_DAYS: u64 = 30;
/// The validity that AWS applies by default.
const DEFAULT_VALIDITY: std::time::Duration = std::time::Duration::from_hours(24);

impl Validity {
    /// The duration.
    #[must_use]
    pub fn duration(&self) -> std::time::Duration {
        self.0.duration()
    }
}

impl Text for Validity {
    const NOUN: &'static str = "validity";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let span = Span::parse(text)?;
        let seconds = span.duration().as_secs();
        if seconds == 0 || seconds > LONGEST_VALIDITY_DAYS * 86_400 {
            return Err(format!(
                "`{text}` is outside of what AWS allows: an activation is valid for more than nothing and at most `30d`."
            ));
        }
        Ok(Self(span))
    }

    fn text(&self) -> &str {
        self.0.text()
    }

    fn same(one: &str, other: &str) -> bool {
        Span::same(one, other)
    }
}

framework::text_field!(Validity);

/// The resource.
#[derive(Debug)]
pub enum Activation {}

impl Resource for Activation {
    type Clients = Clients;
    type Args = Args;
    type Outputs = Outputs;
    type Identity = Identity;

    const NAME: &'static str = "ekshybrid_activation";
    const DESCRIPTION: &'static str = "\
An SSM hybrid activation: the id and code with which hosts outside AWS register as managed instances, the first step \
of every EKS hybrid node with the SSM credential provider.

The code is sensitive; with `store_code_in` it stays out of the state altogether. A `moved` block adopts an \
`aws_ssm_activation`, its code included.

## Rotation and machines

An activation expires (after 24 hours by default) or is used up. Hosts that have registered keep running; only new \
hosts need a new activation. By default an expired activation therefore stays as it is.

Three arguments plan a new activation: `rotate_when_expired`, `rotate_before` and `rotate_when_exhausted`. Its id and \
code are new, and everything that contains them changes in the same plan: user data, launch templates, and the \
machines created from them, which many providers replace or restart when their user data changes. With a validity of \
24 hours, that happens every day. So do one of these:

- Leave rotation off, and get a new activation on purpose: `terraform apply -replace=ekshybrid_activation.NAME`.
- Set `lifecycle { ignore_changes = [user_data] }` on the machines (name the attribute that holds the user data). \
Existing machines stay as they are, and new ones get the current code. Do this also before you use `-replace`.
- Rotate only an activation whose code goes into a parameter (`store_code_in`), where new hosts read it.";
    const IMPORT_ID: &'static str = "the activation's id, or `ID@REGION` for another region than the provider's";
    const PERMISSIONS: Permissions = &[&[
        aws(&["ssm:CreateActivation", "ssm:DescribeActivations", "ssm:DeleteActivation"], ANY),
        aws(&["iam:PassRole"], ROLES).only_if("iam:PassedToService", "ssm.amazonaws.com"),
        aws(&["ssm:AddTagsToResource"], ANY).when("`tags` or the provider's `default_tags` are set"),
        aws(&["ssm:DescribeInstanceInformation"], ANY).when("`deregister_on_destroy` is set"),
        aws(&["ssm:DeregisterManagedInstance"], MANAGED_INSTANCES).when("`deregister_on_destroy` is set"),
        aws(
            &[
                "ssm:PutParameter",
                "ssm:GetParameter",
                "ssm:DeleteParameter",
                "ssm:AddTagsToResource",
                "ssm:RemoveTagsFromResource",
                "ssm:ListTagsForResource",
            ],
            PARAMETERS,
        )
        .when("`store_code_in` is set"),
        aws(&["kms:Encrypt", "kms:Decrypt"], KEYS).when("`kms_key_id` is set"),
    ]];

    fn validate(args: &<Args as Model>::Planned, faults: &mut Diagnostics) {
        tags::check(&args.tags, Args::NAMES.tags, faults);
        plan::rotation::check(args, faults);
        plan::check_key(args, faults);
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context) -> Result<()> {
        plan::plan(plan, cx).await
    }

    async fn plan_delete(state: &State<Self>, cx: &Context) -> Result<()> {
        notes::forget_plan(cx);
        apply::hosts::warn_of_destroy(state, cx).await
    }

    async fn create(args: &Args, cx: &Context) -> Result<Outputs> {
        apply::create(args, cx).await
    }

    async fn read(identity: &Identity, prior: Option<&State<Self>>, cx: &Context) -> Result<Option<State<Self>>> {
        read::read(identity, prior, cx).await
    }

    async fn update(prior: &State<Self>, args: &Args, cx: &Context) -> Result<Outputs> {
        apply::update(prior, args, cx).await
    }

    async fn delete(state: &State<Self>, cx: &Context) -> Result<()> {
        apply::delete(state, cx).await
    }

    fn move_from(source: &MoveSource<'_>) -> Option<Result<serde_json::Value>> {
        read::moved::from_aws(source)
    }
}

/// The Systems Manager client of a region, for calls that end when Terraform asks to stop.
fn ssm(region: Option<&Region>, cx: &Context) -> Result<crate::aws::ssm::Client> {
    let aws = cx.clients()?.aws()?;
    Ok(aws.ssm(region.map(Region::as_str)))
}

/// The same, for calls that must run even after Terraform has asked to stop.
fn ssm_past_stop(region: Option<&Region>, cx: &Context) -> Result<crate::aws::ssm::Client> {
    let aws = cx.clients()?.aws()?.with_cancel(CancellationToken::new());
    Ok(aws.ssm(region.map(Region::as_str)))
}
