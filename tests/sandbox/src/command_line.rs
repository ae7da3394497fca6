//! The program's options.

use std::path::PathBuf;

use crate::aws::regions;

const USAGE: &str = "usage: sandbox [--port N] [--region NAME] [--state FILE] [--control-plane DIR [--kubeconfig FILE]] [--hosts DIR] [--die-with-parent]";

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// 0 picks a free port.
    pub port: u16,
    pub region: String,
    pub state: Option<PathBuf>,
    /// Folder of a control plane's programs; without it clusters have none.
    pub control_plane: Option<PathBuf>,
    /// Where the administrator's kubeconfig of the first account's cluster goes.
    pub kubeconfig: Option<PathBuf>,
    /// Folder of what hosts run on; without it there are none.
    pub hosts: Option<PathBuf>,
    pub die_with_parent: bool,
}

impl Options {
    /// The error is the text for the user.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            port: 0,
            region: "us-west-2".to_owned(),
            state: None,
            control_plane: None,
            kubeconfig: None,
            hosts: None,
            die_with_parent: false,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                given
                    .clone()
                    .or_else(|| arguments.next())
                    .ok_or_else(|| format!("sandbox: {name} needs a value\n{USAGE}"))
            };
            match name.as_str() {
                "--port" => {
                    let text = value()?;
                    options.port = text.parse().map_err(|_| format!("sandbox: `{text}` is not a port"))?;
                }
                "--region" => {
                    options.region = value()?;
                    if !regions::is_known(&options.region) {
                        return Err(format!("sandbox: `{}` is not a region", options.region));
                    }
                }
                "--state" => options.state = Some(PathBuf::from(value()?)),
                "--control-plane" => options.control_plane = Some(PathBuf::from(value()?)),
                "--hosts" => options.hosts = Some(PathBuf::from(value()?)),
                "--kubeconfig" => options.kubeconfig = Some(PathBuf::from(value()?)),
                "--die-with-parent" if given.is_none() => options.die_with_parent = true,
                _ => return Err(format!("sandbox: unknown option `{name}`\n{USAGE}")),
            }
        }
        if options.kubeconfig.is_some() && options.control_plane.is_none() {
            return Err(format!("sandbox: --kubeconfig needs --control-plane\n{USAGE}"));
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let parse = |line: &str| Options::parse(line.split_whitespace().map(ToOwned::to_owned));
        let options = parse("--port 8080 --region=eu-west-1 --state /tmp/s --die-with-parent").unwrap();
        assert_eq!(options.port, 8080);
        assert_eq!(options.region, "eu-west-1");
        assert_eq!(options.state, Some(PathBuf::from("/tmp/s")));
        assert!(options.die_with_parent);
        let options = parse("--control-plane /programs --kubeconfig=/k").unwrap();
        assert_eq!(options.control_plane, Some(PathBuf::from("/programs")));
        assert_eq!(options.kubeconfig, Some(PathBuf::from("/k")));
        assert_eq!(parse("--hosts /h").unwrap().hosts, Some(PathBuf::from("/h")));
        for wrong in [
            "--port",
            "--port x",
            "--port 70000",
            "--region mars-1",
            "--tls",
            "x",
            "--die-with-parent=1",
            "--kubeconfig k",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
