//! `cloud_image`, `cloud_token`, `cloud_reboot` and the list of servers.

use std::sync::Arc;

use framework::action::Action;
use framework::context::Context;
use framework::data_source::DataSource;
use framework::diagnostic::{Diagnostic, Diagnostics, Result};
use framework::ephemeral::Ephemeral;
use framework::list::{Found, List};
use framework::model::{Bounded, Model, Secret};
use framework::note::Note;
use framework::resource::{Resource, State};

use super::server::{Server, ServerIdentity};
use super::{Region, shown};

/// A data source.
pub struct Image;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct ImageArgs {
    /// Name of the image.
    pub name: String,
    /// Its architecture. That of the newest one when it is not set.
    pub architecture: Option<String>,
    /// Whether old images count.
    #[attr(default = false)]
    pub outdated: bool,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct ImageOutputs {
    /// Identifier of the image.
    pub id: String,
    /// Its architecture.
    pub architecture: String,
}

impl DataSource for Image {
    type Clients = Arc<Region>;
    type Args = ImageArgs;
    type Outputs = ImageOutputs;

    const NAME: &'static str = "cloud_image";
    const DESCRIPTION: &'static str = "An image to begin servers with.";

    fn validate(args: &<ImageArgs as Model>::Planned, faults: &mut Diagnostics) {
        if args.name.known().is_some_and(String::is_empty) {
            faults.push(Diagnostic::error("Empty name", "`name` must not be empty.").at("name"));
        }
    }

    async fn read(args: &ImageArgs, cx: &Context<Arc<Region>>) -> Result<ImageOutputs> {
        cx.clients()?;
        if args.name == "lost" {
            return Err(Diagnostic::error("No such image", "There is no image `lost`.").at("name").into());
        }
        if args.outdated {
            cx.report(Diagnostic::warning("Old image", "It may lack updates."));
        }
        Ok(ImageOutputs { id: format!("img-{}", args.name), architecture: "arm64".to_owned() })
    }
}

/// An ephemeral resource.
pub struct Token;

/// The server that a token opens.
const SERVER: Note<String> = Note::named("server");
/// Whether a token was renewed.
const RENEWED: Note<bool> = Note::named("renewed");

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct TokenArgs {
    /// Server that the token opens.
    pub server: String,
}

/// Results.
#[derive(Clone, Debug, Model)]
pub struct TokenOutputs {
    /// The token.
    pub token: Secret<String>,
}

impl Ephemeral for Token {
    type Clients = Arc<Region>;
    type Args = TokenArgs;
    type Outputs = TokenOutputs;

    const NAME: &'static str = "cloud_token";
    const DESCRIPTION: &'static str = "A token for the console of a server.";

    async fn open(args: &TokenArgs, cx: &Context<Arc<Region>>) -> Result<(TokenOutputs, Option<jiff::Timestamp>)> {
        cx.clients()?;
        cx.note(&SERVER, &args.server);
        let renew_at = jiff::Timestamp::from_second(1_800_000_000).ok();
        Ok((TokenOutputs { token: Secret::new(format!("token-{}", args.server)) }, renew_at))
    }

    async fn renew(cx: &Context<Arc<Region>>) -> Result<Option<jiff::Timestamp>> {
        cx.clients()?.note(format!("renewed {:?}", cx.noted(&SERVER)));
        cx.note(&RENEWED, &true);
        Ok(jiff::Timestamp::from_second(1_900_000_000).ok())
    }

    async fn close(cx: &Context<Arc<Region>>) -> Result<()> {
        cx.clients()?.note(format!("closed {:?} renewed {:?}", cx.noted(&SERVER), cx.noted(&RENEWED)));
        Ok(())
    }
}

/// An action.
pub struct Reboot;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct RebootArgs {
    /// Server to reboot.
    pub server: String,
    /// How often.
    #[attr(default = once())]
    pub times: Bounded<1, 5>,
}

fn once() -> Bounded<1, 5> {
    Bounded::new(1).expect("between 1 and 5")
}

impl Action for Reboot {
    type Clients = Arc<Region>;
    type Args = RebootArgs;

    const NAME: &'static str = "cloud_reboot";
    const DESCRIPTION: &'static str = "Reboots a server.";

    async fn invoke(args: &RebootArgs, cx: &Context<Arc<Region>>) -> Result<()> {
        cx.clients()?;
        for time in 1..=args.times.get() {
            cx.progress(format!("reboot {time} of {}", shown(&args.server))).await;
        }
        if args.server == "stuck" {
            cx.report(Diagnostic::warning("Slow reboot", "The server takes its time."));
            return Err(Diagnostic::error("Could not reboot the server", "It does not come back.").into());
        }
        Ok(())
    }
}

/// A list.
pub struct Servers;

/// Arguments.
#[derive(Clone, Debug, Model)]
pub struct ServersArgs {
    /// What their names begin with.
    pub name_prefix: Option<String>,
}

impl List for Servers {
    type Resource = Server;
    type Args = ServersArgs;

    const DESCRIPTION: &'static str = "The servers of a region.";

    async fn list(args: &ServersArgs, found: &mut Found<Server>, cx: &Context<Arc<Region>>) -> Result<()> {
        let region = cx.clients()?;
        let all: Vec<(String, String)> =
            region.servers().iter().map(|(id, machine)| (id.clone(), machine.name.clone())).collect();
        for (id, name) in all {
            if args.name_prefix.as_ref().is_some_and(|prefix| !name.starts_with(prefix)) {
                continue;
            }
            let identity = ServerIdentity { id };
            region.note(format!("looked at {name}"));
            let Some(state): Option<State<Server>> = Server::read(&identity, None, cx).await? else { continue };
            if !found.push(&identity, name, &state).await {
                break;
            }
        }
        Ok(())
    }
}
