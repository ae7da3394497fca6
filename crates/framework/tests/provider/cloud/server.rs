//! `cloud_server`: everything that a managed resource may do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use framework::context::Context;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::model::{Bounded, Maybe, Model, Secret, Span, Text, WriteOnly};
use framework::note::Note;
use framework::path::Path;
use framework::resource::{MoveSource, Plan, Resource, State};
use framework::text_field;
use framework::value::Value;
use serde_json::Value as Json;

use super::{Machine, Region};

/// A server.
pub struct Server;

/// Where it came to be.
const BORN: Note<String> = Note::named("born");
/// Whether it was planned.
const PLANNED: Note<String> = Note::named("planned");
/// What the deletion is planned to take.
pub const LEAVING: Note<Vec<String>> = Note::named("leaving");
/// How many disks a deletion has detached already.
const DETACHED: Note<i64> = Note::named("detached");

/// A name of 1 to 20 letters, digits and dashes; upper and lower case are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Text for Name {
    const NOUN: &'static str = "server name";

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let good = text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if good && (1..=20).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("A server name has 1 to 20 letters, digits and dashes.".to_owned())
        }
    }

    fn text(&self) -> &str {
        &self.0
    }

    fn same(one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }
}

text_field!(Name);

/// A disk of a server.
#[derive(Clone, Debug, PartialEq, Model)]
#[model(at_most_one_of(key, key_file))]
pub struct Cylinder {
    /// Size in GiB.
    pub size: Bounded<1, 100>,
    /// File system on it.
    #[attr(default = "ext4".to_owned())]
    pub filesystem: String,
    /// Key that it is encrypted with.
    pub key: Option<Secret<String>>,
    /// File with that key.
    pub key_file: Option<String>,
}

/// Arguments.
#[derive(Clone, Debug, Model)]
#[model(exactly_one_of(image, snapshot), together(password_wo, password_version))]
pub struct ServerArgs {
    /// Name of the server.
    #[attr(replace)]
    pub name: Name,
    /// Processors. A server grows in place; a smaller one is a new one.
    #[attr(default = bounded(2))]
    pub size: Bounded<1, 64>,
    /// Image to begin with.
    pub image: Option<String>,
    /// Snapshot to begin with.
    pub snapshot: Option<String>,
    /// Zone to run in. Decided by the cloud when it is not set.
    #[attr(replace)]
    pub zone: Option<String>,
    /// How long it lives.
    pub lifetime: Option<Span>,
    /// Labels for people.
    #[attr(deprecated = "Use `names` instead.")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Password of the first user, never stored.
    pub password_wo: WriteOnly<String>,
    /// Counts up when the password is to be set anew.
    pub password_version: Option<i64>,
    /// Disks, in the order of their devices.
    pub disks: Option<Vec<Cylinder>>,
    /// Where it is watched from.
    pub watch: Option<Watch>,
}

/// A watch on a server.
#[derive(Clone, Debug, Model)]
#[model(together(token_wo, token_version))]
pub struct Watch {
    /// Address that is told.
    pub address: String,
    /// How often.
    #[attr(default = Span::parse("1m").expect("a duration"))]
    pub every: Span,
    /// Token for the address, never stored.
    pub token_wo: WriteOnly<String>,
    /// Counts up when the token is to be set anew.
    pub token_version: Option<i64>,
}

fn token(args: &ServerArgs) -> Option<(i64, String)> {
    let watch = args.watch.as_ref()?;
    watch.token_version.zip(watch.token_wo.expose().cloned())
}

const fn bounded<const MIN: i64, const MAX: i64>(value: i64) -> Bounded<MIN, MAX> {
    match Bounded::new(value) {
        Some(bounded) => bounded,
        None => panic!("out of range"),
    }
}

/// Results.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ServerOutputs {
    /// Identifier that the cloud gives.
    #[attr(keep, prefix = "srv-")]
    pub id: String,
    /// Zone that it runs in.
    #[attr(keep)]
    pub zone: String,
    /// How often it has changed.
    pub generation: i64,
    /// Password of the console.
    #[attr(keep)]
    pub console_password: Secret<String>,
}

/// Identity.
#[derive(Clone, Debug, Model)]
pub struct ServerIdentity {
    /// Identifier that the cloud gives.
    pub id: String,
}

fn outputs(id: &str, machine: &Machine) -> ServerOutputs {
    ServerOutputs {
        id: id.to_owned(),
        zone: machine.zone.clone(),
        generation: machine.generation,
        console_password: Secret::new(format!("console-of-{id}")),
    }
}

impl Resource for Server {
    type Clients = Arc<Region>;
    type Args = ServerArgs;
    type Outputs = ServerOutputs;
    type Identity = ServerIdentity;

    const NAME: &'static str = "cloud_server";
    const VERSION: i64 = 2;
    const DESCRIPTION: &'static str = "A server in the cloud.\n\nIt keeps its address until it is replaced.";
    const IMPORT_ID: &'static str = "srv-3";

    fn validate(args: &<ServerArgs as Model>::Planned, faults: &mut Diagnostics) {
        if args.name.known().is_some_and(|name| name.text() == "root") {
            faults.push(Diagnostic::error("Reserved name", "No server may be called `root`.").at("name"));
        }
    }

    async fn plan(plan: &mut Plan<Self>, cx: &Context<Arc<Region>>) -> Result<()> {
        if let Some(region) = cx.try_clients()
            && plan.is_create()
            && plan.args.zone.is_unset()
        {
            plan.looked_up(ServerOutputs::NAMES.zone, region.zone().map(Maybe::Known), |outputs| &mut outputs.zone);
        }
        let before = plan.prior.as_ref().map(|prior| prior.args.size);
        if let (Some(before), Some(after)) = (before, plan.args.size.known().copied())
            && after < before
        {
            plan.replace(ServerArgs::NAMES.size);
        }
        // An image without a tag is its latest one.
        if let Some(prior) = plan.prior.clone()
            && let Some(before) = &prior.args.image
            && plan.args.image.set().is_some_and(|after| *after == format!("{before}:latest"))
        {
            plan.keep(ServerArgs::NAMES.image);
            if !plan.has_changes() {
                plan.outputs.generation = Maybe::Known(prior.outputs.generation);
            }
        }
        if plan.args.name.known().is_some_and(|name| name.text() == "late-fault") {
            plan.fault(ServerArgs::NAMES.name, "Name is taken", "Another server is called `late-fault`.");
        }
        match plan.args.name.known().map(Text::text) {
            Some("forgets") => cx.forget(&BORN),
            Some("panics-in-plan") => panic!("the plan was upset"),
            _ => cx.note(&PLANNED, &"yes".to_owned()),
        }
        Ok(())
    }

    async fn plan_delete(state: &State<Self>, cx: &Context<Arc<Region>>) -> Result<()> {
        if state.args.name.text() == "precious" {
            cx.report(Diagnostic::warning("Precious server", "Its disks go with it."));
        }
        cx.note(&LEAVING, &vec![state.outputs.id.clone()]);
        Ok(())
    }

    async fn create(args: &ServerArgs, cx: &Context<Arc<Region>>) -> Result<ServerOutputs> {
        let region = cx.clients()?;
        if args.name.text() == "fails-early" {
            return Err(Diagnostic::error("Could not make the server", "The cloud is full.").into());
        }
        let id = {
            let mut servers = region.servers();
            let id = format!("srv-{}", servers.len() + 1);
            let machine = Machine {
                name: args.name.text().to_owned(),
                size: args.size.get(),
                zone: args.zone.clone().unwrap_or_else(|| "zone-a".to_owned()),
                generation: 1,
                password: args.password_wo.expose().cloned(),
                token: token(args),
            };
            servers.insert(id.clone(), machine);
            id
        };
        let made = outputs(&id, &region.servers()[&id]);
        cx.save(&made);
        cx.note(&BORN, &"here".to_owned());
        match args.name.text() {
            "fails-late" => {
                cx.report(Diagnostic::warning("Slow cloud", "The server does not answer yet."));
                Err(Diagnostic::error("Could not reach the server", "It was made, but does not answer.").into())
            }
            "panics" => panic!("{id} was a surprise"),
            "waits" => {
                region.note("waiting");
                if cx.sleep(Duration::from_hours(1)).await {
                    Ok(made)
                } else {
                    Err(Diagnostic::error("Stopped while waiting for the server", "It was made.").into())
                }
            }
            _ => Ok(made),
        }
    }

    async fn read(
        identity: &ServerIdentity,
        prior: Option<&State<Self>>,
        cx: &Context<Arc<Region>>,
    ) -> Result<Option<State<Self>>> {
        let region = cx.clients()?;
        let Some(machine) = region.servers().get(&identity.id).cloned() else { return Ok(None) };
        if machine.name == "unreadable" {
            return Err(Diagnostic::error("Could not look at the server", "The cloud says 500.").into());
        }
        let mut args = if let Some(prior) = prior {
            prior.args.clone()
        } else {
            let known = Value::map([("name", Value::from(machine.name.as_str())), ("size", Value::from(machine.size))]);
            let decoded = <ServerArgs as Model>::decode(&known, &Path::root(), &mut Diagnostics::new());
            decoded.ok_or_else(|| Diagnostic::bug("a server without a name"))?
        };
        // The cloud shouts, as clouds do; what was written differently means the same.
        args.name = Name(machine.name.to_ascii_uppercase());
        args.size = Bounded::new(machine.size).ok_or_else(|| Diagnostic::bug("a server without a size"))?;
        args.zone = Some(machine.zone.clone());
        Ok(Some(State { args, outputs: outputs(&identity.id, &machine) }))
    }

    async fn update(prior: &State<Self>, args: &ServerArgs, cx: &Context<Arc<Region>>) -> Result<ServerOutputs> {
        let region = cx.clients()?;
        let mut servers = region.servers();
        let Some(machine) = servers.get_mut(&prior.outputs.id) else {
            return Err(Diagnostic::error("Could not change the server", "It is gone.").into());
        };
        machine.size = args.size.get();
        machine.generation += 1;
        let version = |args: &ServerArgs| args.watch.as_ref().and_then(|watch| watch.token_version);
        if version(args) != version(&prior.args) {
            machine.token = token(args);
        }
        if args.password_version != prior.args.password_version {
            machine.password = args.password_wo.expose().cloned();
        }
        if args.lifetime.as_ref().is_some_and(|lifetime| lifetime.duration() == Duration::from_secs(13)) {
            return Err(Diagnostic::error("Could not change the server", "Thirteen brings bad luck.").into());
        }
        Ok(outputs(&prior.outputs.id, machine))
    }

    async fn delete(state: &State<Self>, cx: &Context<Arc<Region>>) -> Result<()> {
        cx.clients()?.note(format!("leaving {:?}", cx.noted(&LEAVING)));
        if state.args.name.text().eq_ignore_ascii_case("stays") {
            cx.note(&DETACHED, &1);
            return Err(Diagnostic::error("Could not remove the server", "Something still uses it.").into());
        }
        cx.clients()?.servers().remove(&state.outputs.id);
        Ok(())
    }

    fn import_id(id: &str) -> std::result::Result<ServerIdentity, String> {
        if id.starts_with("srv-") {
            Ok(ServerIdentity { id: id.to_owned() })
        } else {
            Err("Write it like `srv-3`.".to_owned())
        }
    }

    fn upgrade(version: i64, mut state: Json) -> Result<Json> {
        // Before version 2 the name was called `title`.
        if version < 2
            && let Some(object) = state.as_object_mut()
            && let Some(title) = object.remove("title")
        {
            object.insert("name".to_owned(), title);
            return Ok(state);
        }
        Err(Diagnostic::error("State is of an unknown version", format!("Version {version} is not known.")).into())
    }

    fn move_from(source: &MoveSource<'_>) -> Option<Result<Json>> {
        (source.type_name == "other_machine").then(|| {
            let name = source.state.get("label").cloned().unwrap_or(Json::Null);
            let (id, secret) = (source.state.get("serial"), source.state.get("secret"));
            Ok(serde_json::json!({ "id": id, "name": name, "image": "moved", "password_wo": secret }))
        })
    }
}
