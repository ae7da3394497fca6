//! The precedence of a setting's sources: the provider's argument, then the environment, then the profile, then a
//! default. Pure, except for reading the shared files once.
//!
//! Variables and file keys are those of the AWS SDKs reference guide; the order is that of `hashicorp/aws`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_runtime::env_config::section::EnvConfigSections;
use aws_types::os_shim_internal::{Env, Fs};
use names::{Region, Word as _};

use super::error::{Error, Kind, Result};
use super::settings::{RetryMode, Settings};
use crate::net::causes::chain;
use crate::net::proxy::{Arguments, Proxies};

/// The first of these variables that is not empty.
pub(super) fn variable(env: &Env, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| env.get(name).ok()).find(|text| !text.trim().is_empty())
}

/// The current profile, and the files that it was looked up in.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// Its name: the provider's argument, `AWS_PROFILE` or `default`.
    pub(super) name: String,
    /// Whether it was requested by name.
    pub(super) named: bool,
    /// Every file that was searched.
    pub(super) files: Vec<(EnvConfigFileKind, PathBuf)>,
    /// The content of the files; `None` if none of them exists.
    sections: Option<EnvConfigSections>,
}

impl Profile {
    /// Reads the shared files. A missing file counts as empty.
    pub(super) async fn load(settings: &Settings, env: &Env) -> Result<Self> {
        let chosen = settings.profile.clone().or_else(|| variable(env, &["AWS_PROFILE"]));
        let files = shared_files(settings, env);
        let mut profile = Self {
            named: chosen.is_some(),
            name: chosen.unwrap_or_else(|| "default".to_owned()),
            files,
            sections: None,
        };
        if let Some(present) = profile.present() {
            let name = Cow::Owned(profile.name.clone());
            let sections = aws_config::profile::load(&Fs::real(), env, &present, Some(name)).await;
            let sections = sections.map_err(|error| {
                Error::configuration("shared_config_files", format!("{}: {}", profile.places(), chain(&error)))
            })?;
            profile.sections = Some(sections);
        }
        Ok(profile)
    }

    /// The existing files, in the SDK's form.
    pub(super) fn present(&self) -> Option<EnvConfigFiles> {
        let mut builder = EnvConfigFiles::builder();
        let mut any = false;
        for (kind, path) in self.files.iter().filter(|(_, path)| path.is_file()) {
            builder = builder.with_file(*kind, path.clone());
            any = true;
        }
        // The SDK panics on an empty set.
        any.then(|| builder.build())
    }

    /// Whether any file has a section for this profile.
    pub(super) fn exists(&self) -> bool {
        self.has(&self.name)
    }

    /// Whether any file has a section for that profile.
    pub(super) fn has(&self, name: &str) -> bool {
        self.sections.as_ref().is_some_and(|sections| sections.get_profile(name).is_some())
    }

    /// The files, for messages.
    pub(super) fn places(&self) -> String {
        let paths: Vec<String> = self.files.iter().map(|(_, path)| format!("`{}`", path.display())).collect();
        paths.join(", ")
    }

    /// The values of any profile in the files, by key.
    pub(super) fn section(&self, name: &str) -> impl Fn(&str) -> Option<String> + use<'_> {
        let section = self.sections.as_ref().and_then(|sections| sections.get_profile(name));
        move |key| section?.get(key).map(str::to_owned)
    }

    fn value(&self, key: &str) -> Option<String> {
        self.sections.as_ref()?.get(key).map(str::to_owned)
    }
}

fn shared_files(settings: &Settings, env: &Env) -> Vec<(EnvConfigFileKind, PathBuf)> {
    let sources = [
        (EnvConfigFileKind::Config, &settings.shared_config_files, "AWS_CONFIG_FILE", "~/.aws/config"),
        (
            EnvConfigFileKind::Credentials,
            &settings.shared_credentials_files,
            "AWS_SHARED_CREDENTIALS_FILE",
            "~/.aws/credentials",
        ),
    ];
    let mut files = Vec::new();
    for (kind, given, name, usual) in sources {
        if given.is_empty() {
            let path = variable(env, &[name]).unwrap_or_else(|| usual.to_owned());
            files.push((kind, at_home(Path::new(&path), env)));
        } else {
            files.extend(given.iter().map(|path| (kind, at_home(path, env))));
        }
    }
    files
}

/// `path` with a leading `~/` replaced by the home directory.
pub(super) fn at_home(path: &Path, env: &Env) -> PathBuf {
    match (path.strip_prefix("~"), variable(env, &["HOME", "USERPROFILE"])) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_owned(),
    }
}

/// Everything that a client is built from, except credentials.
#[derive(Debug)]
pub(super) struct Resolved {
    /// Region of calls that specify none. Validated by [`Resolved::region`] when it is needed.
    region: Option<String>,
    pub(super) endpoints: Addresses,
    /// Includes the first attempt.
    pub(super) max_attempts: u32,
    pub(super) retry_mode: RetryMode,
    pub(super) use_fips: bool,
    pub(super) use_dual_stack: bool,
    pub(super) ca_bundle: Option<PathBuf>,
    pub(super) metadata_disabled: bool,
    pub(super) metadata_endpoint: Option<String>,
}

/// Endpoints of the services that this module calls; `None` is the service's own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) ec2: Option<String>,
    pub(super) ecr: Option<String>,
    pub(super) eks: Option<String>,
    pub(super) elbv2: Option<String>,
    pub(super) iam: Option<String>,
    pub(super) ssm: Option<String>,
    pub(super) sts: Option<String>,
}

impl Resolved {
    pub(super) fn new(settings: &Settings, env: &Env, profile: &Profile) -> Result<Self> {
        let look = Lookup { env, profile };
        Ok(Self {
            region: settings
                .region
                .clone()
                .or_else(|| variable(env, &["AWS_REGION", "AWS_DEFAULT_REGION"]))
                .or_else(|| profile.value("region")),
            endpoints: look.endpoints(settings)?,
            max_attempts: match settings.max_retries {
                Some(retries) => retries.saturating_add(1),
                None => look
                    .parsed("AWS_MAX_ATTEMPTS", "max_attempts", "a number from 1 up", |text| {
                        text.parse().ok().filter(|attempts| *attempts > 0)
                    })?
                    .unwrap_or(Settings::DEFAULT_MAX_RETRIES + 1),
            },
            retry_mode: match settings.retry_mode {
                Some(mode) => mode,
                None => look
                    .parsed("AWS_RETRY_MODE", "retry_mode", "`standard` or `adaptive`", RetryMode::parse)?
                    .unwrap_or(RetryMode::Adaptive),
            },
            use_fips: look.switch(settings.use_fips_endpoint, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?,
            use_dual_stack: look.switch(
                settings.use_dualstack_endpoint,
                "AWS_USE_DUALSTACK_ENDPOINT",
                "use_dualstack_endpoint",
            )?,
            ca_bundle: settings
                .custom_ca_bundle
                .clone()
                .or_else(|| look.text("AWS_CA_BUNDLE", "ca_bundle").map(PathBuf::from))
                .map(|path| at_home(&path, env)),
            metadata_disabled: look.switch(
                settings.skip_metadata_api_check,
                "AWS_EC2_METADATA_DISABLED",
                "ec2_metadata_disabled",
            )?,
            metadata_endpoint: settings
                .ec2_metadata_service_endpoint
                .clone()
                .or_else(|| look.text("AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint")),
        })
    }

    /// The region of a call that specifies `wanted`, or none.
    pub(super) fn region(&self, wanted: Option<&str>) -> Result<String> {
        let region = wanted.or(self.region.as_deref()).ok_or_else(|| Error::new(Kind::NoRegion))?;
        checked_region(region)?;
        Ok(region.to_owned())
    }
}

/// Rejects invalid region names.
pub(super) fn checked_region(region: &str) -> Result<()> {
    Region::parse(region).map(|_| ()).map_err(|invalid| Error::new(Kind::UnknownRegion { invalid }))
}

/// The proxies. They need no profile, so an invalid URL is reported before the first call.
pub(super) fn proxies(settings: &Settings, env: &Env) -> Proxies {
    let given = Arguments {
        http: settings.http_proxy.as_deref(),
        https: settings.https_proxy.as_deref(),
        direct: settings.no_proxy.as_deref(),
    };
    Proxies::new(given, &|name| env.get(name).ok())
}

struct Lookup<'a> {
    env: &'a Env,
    profile: &'a Profile,
}

impl Lookup<'_> {
    fn text(&self, name: &str, key: &str) -> Option<String> {
        variable(self.env, &[name]).or_else(|| self.profile.value(key))
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.text(name, key) else { return Ok(None) };
        let value = parse(text.trim());
        value.map(Some).ok_or_else(|| Error::configuration(name, format!("`{text}` is not {expected}")))
    }

    fn switch(&self, given: Option<bool>, name: &'static str, key: &str) -> Result<bool> {
        if let Some(given) = given {
            return Ok(given);
        }
        let read = self.parsed(name, key, "`true` or `false`", |text| text.to_ascii_lowercase().parse().ok())?;
        Ok(read.unwrap_or(false))
    }

    fn endpoints(&self, settings: &Settings) -> Result<Addresses> {
        let given = &settings.endpoints;
        Ok(Addresses {
            ec2: self.endpoint(given.ec2.as_ref(), "endpoints.ec2", "ec2")?,
            ecr: self.endpoint(given.ecr.as_ref(), "endpoints.ecr", "ecr")?,
            eks: self.endpoint(given.eks.as_ref(), "endpoints.eks", "eks")?,
            elbv2: self.endpoint(given.elbv2.as_ref(), "endpoints.elbv2", "elastic_load_balancing_v2")?,
            iam: self.endpoint(given.iam.as_ref(), "endpoints.iam", "iam")?,
            ssm: self.endpoint(given.ssm.as_ref(), "endpoints.ssm", "ssm")?,
            sts: self.endpoint(given.sts.as_ref(), "endpoints.sts", "sts")?,
        })
    }

    fn endpoint(&self, given: Option<&String>, argument: &'static str, service: &str) -> Result<Option<String>> {
        let ignored = self.switch(None, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")?;
        let (address, named) = match given {
            Some(address) => (Some(address.clone()), argument),
            None if ignored => (None, argument),
            None => {
                let value = EnvConfigValue::new().env("AWS_ENDPOINT_URL").profile("endpoint_url").service_id(service);
                let found = value.load(self.env, self.profile.sections.as_ref());
                (found.map(|(text, _)| text.into_owned()).filter(|text| !text.is_empty()), "AWS_ENDPOINT_URL")
            }
        };
        let Some(address) = address else { return Ok(None) };
        let uri: Option<http::Uri> = address.parse().ok();
        let usable = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        if usable {
            Ok(Some(address))
        } else {
            Err(Error::configuration(named, format!("`{address}` is not an address such as `https://host:port`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::settings::Endpoints;

    struct Given {
        folder: tempfile::TempDir,
        variables: Vec<(&'static str, String)>,
    }

    impl Given {
        fn new(config: &str) -> Self {
            let folder = tempfile::tempdir().expect("folder");
            let path = folder.path().join("config");
            std::fs::write(&path, config).expect("written");
            Self { variables: vec![("AWS_CONFIG_FILE", path.display().to_string())], folder }
        }

        fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
            self.variables.extend(variables.iter().map(|(name, text)| (*name, (*text).to_owned())));
            // The test must not depend on the machine it runs on.
            self.variables.push(("HOME", self.folder.path().display().to_string()));
            self
        }

        fn env(&self) -> Env {
            let borrowed: Vec<(&str, &str)> =
                self.variables.iter().map(|(name, text)| (*name, text.as_str())).collect();
            Env::from_slice(&borrowed)
        }

        async fn resolve(&self, settings: &Settings) -> Result<Resolved> {
            let env = self.env();
            Resolved::new(settings, &env, &Profile::load(settings, &env).await?)
        }
    }

    const FILE: &str = "[default]\nregion = eu-west-1\nmax_attempts = 7\nretry_mode = standard\n\
        use_fips_endpoint = true\nendpoint_url = https://file.example\nca_bundle = ~/ca.pem\nservices = mine\n\
        [services mine]\nssm =\n  endpoint_url = https://ssm.file.example\n\
        [profile other]\nregion = eu-north-1\n";

    #[tokio::test]
    async fn argument_then_environment_then_profile() {
        let given = Given::new(FILE).with(&[]);
        let from_file = given.resolve(&Settings::default()).await.expect("resolved");
        assert_eq!(from_file.region(None).expect("region"), "eu-west-1");
        assert_eq!((from_file.max_attempts, from_file.retry_mode), (7, RetryMode::Standard));
        assert!(from_file.use_fips && !from_file.use_dual_stack);
        assert_eq!(from_file.ca_bundle, Some(given.folder.path().join("ca.pem")));
        assert_eq!(from_file.endpoints.ssm.as_deref(), Some("https://ssm.file.example"));
        assert_eq!(from_file.endpoints.eks.as_deref(), Some("https://file.example"));

        let given = Given::new(FILE).with(&[
            ("AWS_DEFAULT_REGION", "us-east-2"),
            ("AWS_MAX_ATTEMPTS", "3"),
            ("AWS_RETRY_MODE", "adaptive"),
            ("AWS_USE_FIPS_ENDPOINT", "false"),
            ("AWS_ENDPOINT_URL", "http://all.example"),
            ("AWS_ENDPOINT_URL_STS", "http://sts.example"),
        ]);
        let from_environment = given.resolve(&Settings::default()).await.expect("resolved");
        assert_eq!(from_environment.region(None).expect("region"), "us-east-2");
        assert_eq!((from_environment.max_attempts, from_environment.retry_mode), (3, RetryMode::Adaptive));
        assert!(!from_environment.use_fips);
        assert_eq!(from_environment.endpoints.sts.as_deref(), Some("http://sts.example"));
        assert_eq!(from_environment.endpoints.ec2.as_deref(), Some("http://all.example"));

        let settings = Settings {
            region: Some("us-west-2".to_owned()),
            max_retries: Some(0),
            retry_mode: Some(RetryMode::Standard),
            use_fips_endpoint: Some(true),
            endpoints: Endpoints { sts: Some("http://argument.example".to_owned()), ..Endpoints::default() },
            ..Settings::default()
        };
        let from_argument = given.resolve(&settings).await.expect("resolved");
        assert_eq!(from_argument.region(None).expect("region"), "us-west-2");
        assert_eq!(from_argument.region(Some("sa-east-1")).expect("region"), "sa-east-1");
        assert_eq!((from_argument.max_attempts, from_argument.retry_mode), (1, RetryMode::Standard));
        assert!(from_argument.use_fips);
        assert_eq!(from_argument.endpoints.sts.as_deref(), Some("http://argument.example"));
    }

    #[tokio::test]
    async fn defaults() {
        let resolved = Given::new("").with(&[]).resolve(&Settings::default()).await.expect("resolved");
        assert_eq!((resolved.max_attempts, resolved.retry_mode), (26, RetryMode::Adaptive));
        assert_eq!(resolved.endpoints, Addresses::default());
        assert!(!resolved.use_fips && !resolved.metadata_disabled && resolved.ca_bundle.is_none());
        assert_eq!(resolved.region(None).expect_err("none").kind(), &Kind::NoRegion);
    }

    #[tokio::test]
    async fn the_named_profile_counts() {
        for (argument, variable) in [(Some("other"), None), (None, Some("other")), (Some("other"), Some("default"))] {
            let variables: Vec<_> = variable.map(|name| ("AWS_PROFILE", name)).into_iter().collect();
            let given = Given::new(FILE).with(&variables);
            let settings = Settings { profile: argument.map(str::to_owned), ..Settings::default() };
            let resolved = given.resolve(&settings).await.expect("resolved");
            assert_eq!(resolved.region(None).expect("region"), "eu-north-1", "{argument:?} {variable:?}");
        }
    }

    #[tokio::test]
    async fn both_region_variables() {
        let given = Given::new("").with(&[("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "us-east-2")]);
        let resolved = given.resolve(&Settings::default()).await.expect("resolved");
        assert_eq!(resolved.region(None).expect("region"), "us-east-1");
        let error = resolved.region(Some("us-west-2a")).expect_err("a zone");
        assert!(matches!(error.kind(), Kind::UnknownRegion { .. }), "{error}");
        assert!(error.to_string().contains("`us-west-2`"), "{error}");
    }

    #[tokio::test]
    async fn wrong_values_are_told_by_name() {
        for (name, text) in [
            ("AWS_MAX_ATTEMPTS", "0"),
            ("AWS_MAX_ATTEMPTS", "many"),
            ("AWS_RETRY_MODE", "legacy"),
            ("AWS_USE_FIPS_ENDPOINT", "yes"),
            ("AWS_ENDPOINT_URL", "localhost:80"),
            ("AWS_ENDPOINT_URL", "ftp://host"),
        ] {
            let error = Given::new("").with(&[(name, text)]).resolve(&Settings::default()).await.expect_err(name);
            assert!(
                matches!(error.kind(), Kind::Configuration { argument, problem } if argument == name && problem.contains(text)),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn configured_endpoints_can_be_ignored() {
        let variables = [("AWS_ENDPOINT_URL", "http://all.example"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
        let resolved = Given::new(FILE).with(&variables).resolve(&Settings::default()).await.expect("resolved");
        assert_eq!(resolved.endpoints, Addresses::default());
    }

    #[test]
    fn proxy_precedence() {
        let text = |text: &str| Some(text.to_owned());
        let proxies = |http: Option<&str>, https: Option<&str>, variables: &[(&str, &str)]| {
            let settings = Settings {
                http_proxy: http.map(str::to_owned),
                https_proxy: https.map(str::to_owned),
                ..Settings::default()
            };
            let found = super::proxies(&settings, &Env::from_slice(variables));
            (found.http, found.https, found.direct)
        };
        let environment = [("HTTP_PROXY", "http://eh"), ("https_proxy", "http://es"), ("NO_PROXY", "a,b")];
        assert_eq!(proxies(None, None, &[]), (None, None, None));
        assert_eq!(proxies(None, None, &environment), (text("http://eh"), text("http://es"), text("a,b")));
        assert_eq!(proxies(Some("http://h"), None, &[]), (text("http://h"), text("http://h"), None));
        assert_eq!(proxies(Some("http://h"), None, &environment).1, text("http://es"));
        assert_eq!(proxies(Some("http://h"), Some(""), &environment), (text("http://h"), None, text("a,b")));
    }
}
