//! `sandbox`: a strict imitation of AWS on one loopback port. The README next to Cargo.toml is its user
//! documentation.
//!
//! ```text
//! server ── /_sandbox ──▶ control ──▶ world
//!    ├── /_sandbox/…/clusters ──▶ plane (real Kubernetes control planes)
//!    ├── /_sandbox/…/hosts ──▶ hosts (machines to join: namespaces with sshd)
//!    ├── /_sandbox/…/registry, proxies ──▶ edge (registries of ECR, forward proxies)
//!    └────── the rest ──▶ aws (signature, faults, protocols) ──▶ ssm · eks · sts · iam · ec2 · elb · ecr ──▶ world
//! ```
//!
//! `world` is data, one directory or file per service holds that service's rules, `aws` knows no service's rules, and
//! no service knows a protocol. No code of the provider is used here.

mod aws;
mod cidr;
mod command_line;
mod control;
mod ec2;
mod ecr;
mod edge;
mod eks;
mod elb;
mod fault;
mod hosts;
mod iam;
mod identity;
mod moment;
mod plane;
mod random;
mod server;
mod settings;
mod ssm;
mod store;
mod sts;
mod world;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use crate::{
    command_line::Options,
    hosts::Hosts,
    plane::{Planes, Programs},
    store::Shared,
    world::World,
};

fn main() -> ExitCode {
    // The sandbox re-executes itself to start other programs; see `BECOME`.
    if std::env::args_os().nth(1).is_some_and(|first| first == plane::children::BECOME) {
        return plane::children::become_program(std::env::args_os().skip(2));
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sandbox: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot use the state file")]
    State(#[source] store::Error),
    #[error("cannot use the programs of the control plane")]
    Programs(#[source] plane::Incomplete),
    #[error("cannot start the control plane of the first account's cluster")]
    ControlPlane(#[source] plane::Error),
}

fn run(options: &Options) -> Result<(), Error> {
    // Before anything else, so that a parent that exits in the meantime is noticed.
    let parent = std::os::unix::process::parent_id();
    let world = match &options.state {
        Some(path) => store::load(path).map_err(Error::State)?,
        None => None,
    };
    let mut world = world.unwrap_or_else(|| World::new(&options.region));
    options.region.clone_into(&mut world.region);
    let programs = options.control_plane.as_deref().map(Programs::in_folder).transpose().map_err(Error::Programs)?;
    world.has_programs = programs.is_some();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let failed = |source| Error::Listen { port: options.port, source };
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
        let shared = Arc::new(Shared::new(world, options.state.clone()));
        let hosts = Arc::new(Hosts::prepare(options.hosts.as_deref()));
        if let Some(why) = hosts.obstacle(options.hosts.as_deref()) {
            eprintln!("sandbox: hosts are left out: {why}");
        }
        let planes = Arc::new(Planes::new(programs, format!("http://{address}"), hosts.gateway()));
        let line = shared.change(|world| control::ready_line(world, &format!("http://{address}")));
        let ended = tokio::select! {
            () = server::serve(listener, Arc::clone(&shared), Arc::clone(&planes), Arc::default(), Arc::clone(&hosts)) => Ok(()),
            () = Arc::clone(&hosts).serve(Arc::clone(&planes), address.port()) => Ok(()),
            () = planes.follow(&shared) => Ok(()),
            error = announce(line, &planes, &shared, options) => Err(Error::ControlPlane(error)),
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
            () = parent_gone(parent), if options.die_with_parent => Ok(()),
        };
        hosts.end_all();
        planes.end_all();
        ended
    })
}

/// Prints the line once everything in it is available. Returns only if that cannot be achieved.
async fn announce(
    mut line: serde_json::Value,
    planes: &Planes,
    shared: &Arc<Shared>,
    options: &Options,
) -> plane::Error {
    if let Some(file) = &options.kubeconfig {
        if let Err(error) = planes.publish(shared, file).await {
            return error;
        }
        line["kubeconfig"] = file.display().to_string().into();
    }
    // The parent may close the pipe without reading the line: serving continues.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
    std::future::pending().await
}

/// Completes when the parent process has exited. Polls instead of using a death signal, which is sent when the
/// *thread* that started a child exits, and test runners end threads.
async fn parent_gone(parent: u32) {
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    while std::os::unix::process::parent_id() == parent {
        tick.tick().await;
    }
}
