//! One client per service and region, created on first use and shared by all callers.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::BehaviorVersion;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::config::retry::{ClientRateLimiter, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_ssm::config::timeout::TimeoutConfig;
use aws_sdk_ssm::config::{IdentityCache, SharedHttpClient};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::os_shim_internal::Env;
use aws_types::region::Region;
use futures::future::BoxFuture;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::account::{Caller, GET_CALLER_IDENTITY};
use super::call::{Probe, send_with};
use super::credentials::{FromKeyring, Keyring, Metadata};
use super::error::{Answer, Error, Kind, Operation, Place, Result};
use super::resolve::{Profile, Resolved, checked_region, proxies, variable};
use super::settings::{RetryMode, Settings};
use super::transport::{CONNECT_TIMEOUT, READ_TIMEOUT, Transport, check};
use crate::net::proxy::Proxies;

/// First pause before a retry; doubled each time, with full jitter.
const INITIAL_BACKOFF: Duration = Duration::from_millis(200);
/// Longest pause before a retry. With 25 retries, a throttled call takes a minute and a half on average.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// How long to wait for the response to a change in flight after Terraform asked to stop. Terraform then waits
/// without a limit: the response is the only trace of a new object, and an impatient user can interrupt a second
/// time. So this only limits responses that never arrive; no retries are started any more.
const GRACE: Duration = Duration::from_secs(30);

/// All AWS clients of one provider configuration. Cheap to clone; clones share clients, credentials and reads.
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
    cancel: CancellationToken,
}

struct Shared {
    settings: Arc<Settings>,
    env: Env,
    proxies: Proxies,
    sleep: SharedAsyncSleep,
    /// Replaces the network in tests.
    http: Option<SharedHttpClient>,
    ready: OnceCell<Ready>,
    account: OnceCell<Caller>,
    regions: Mutex<HashMap<String, Arc<Regional>>>,
}

/// Resolved by the first call from settings, environment and profile.
struct Ready {
    resolved: Resolved,
    keyring: Arc<Keyring>,
    http: SharedHttpClient,
}

/// The clients of one region, and the data their readers share.
pub(super) struct Regional {
    pub(super) region: String,
    pub(super) config: SdkConfig,
    addresses: [Option<String>; 5],
    /// An ECR endpoint other than the default.
    pub(super) ecr_address: Option<String>,
    /// An IAM endpoint other than the default.
    pub(super) iam_address: Option<String>,
    ec2: OnceLock<aws_sdk_ec2::Client>,
    eks: OnceLock<aws_sdk_eks::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
    /// Data shared by the readers of each service, by its type: no service is named here.
    parts: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl Regional {
    /// Data shared by the readers of one service.
    pub(super) fn part<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(part).downcast().unwrap_or_else(|_| unreachable!("a part is kept under its own type"))
    }
}

/// A call's side effects; decides how to handle the call when Terraform asks to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// None: the call is dropped at once.
    Read,
    /// A repeatable change: its response is awaited.
    Change,
    /// Creates an object whose only trace is the response: it is awaited, and if it does not arrive, the error says
    /// what may exist.
    Create,
}

impl Clients {
    /// Stores the settings. Nothing is read or requested before the first call.
    ///
    /// # Errors
    /// [`Kind::UnknownRegion`], and [`Kind::Configuration`] for a proxy that is not a URL.
    pub fn new(settings: Settings) -> Result<Self> {
        Self::assemble(settings, Env::real(), None, SharedAsyncSleep::new(TokioSleep::new()))
    }

    pub(super) fn assemble(
        settings: Settings,
        env: Env,
        http: Option<SharedHttpClient>,
        sleep: SharedAsyncSleep,
    ) -> Result<Self> {
        if let Some(region) = &settings.region {
            checked_region(region)?;
        }
        let proxies = proxies(&settings, &env);
        check(&proxies)?;
        let shared = Shared {
            settings: Arc::new(settings),
            env,
            proxies,
            sleep,
            http,
            ready: OnceCell::new(),
            account: OnceCell::new(),
            regions: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), cancel: CancellationToken::new() })
    }

    /// The same clients, whose calls end when `cancel` is cancelled.
    #[must_use]
    pub fn with_cancel(&self, cancel: CancellationToken) -> Self {
        Self { shared: Arc::clone(&self.shared), cancel }
    }

    /// The region of a call that specifies `wanted`, or none.
    ///
    /// # Errors
    /// [`Kind::UnknownRegion`], [`Kind::NoRegion`], [`Kind::Configuration`] for unreadable shared files.
    pub async fn region(&self, wanted: Option<&str>) -> Result<String> {
        self.ready().await?.resolved.region(wanted)
    }

    /// The account id of the credentials. Requested once.
    ///
    /// # Errors
    /// Those of `sts:GetCallerIdentity`, and [`Kind::WrongAccount`].
    pub async fn account_id(&self) -> Result<String> {
        Ok(self.caller().await?.account)
    }

    /// The caller's identity. Requested once, and refused for an account that must not be used.
    ///
    /// Boxed, because its call goes through [`Clients::run`], which in turn needs the caller.
    pub(super) fn caller(&self) -> BoxFuture<'_, Result<Caller>> {
        Box::pin(async {
            let caller = self.shared.account.get_or_try_init(|| self.ask_caller()).await?;
            super::account::check(caller, &self.shared.settings)?;
            Ok(caller.clone())
        })
    }

    async fn ask_caller(&self) -> Result<Caller> {
        let regional = self.regional(None).await?;
        let client = regional.sts();
        let ask = |probe| client.get_caller_identity().customize().interceptor(probe).send();
        let output = self.run(GET_CALLER_IDENTITY, Effect::Read, &regional.region, ask).await?;
        Ok(Caller {
            account: output.account.unwrap_or_default(),
            arn: output.arn.unwrap_or_default(),
            user_id: output.user_id.unwrap_or_default(),
        })
    }

    /// Rejects credentials of an account that must not be used. Requests the account id only if there are such
    /// accounts.
    async fn guard(&self) -> Result<()> {
        let Settings { allowed_account_ids: allowed, forbidden_account_ids: forbidden, .. } = &*self.shared.settings;
        if allowed.is_empty() && forbidden.is_empty() {
            return Ok(());
        }
        self.caller().await.map(drop)
    }

    /// The credentials that sign calls, for signing requests that others send.
    pub(super) async fn credentials(&self) -> Result<Credentials> {
        let work = async {
            self.guard().await?;
            self.ready().await?.keyring.credentials().await
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(Kind::Cancelled { may_exist: false })),
            done = work => done,
        }
    }

    /// The status of the answer to one GET, or why none came: through the same proxies, and with the same certificates,
    /// as calls of AWS. For what is behind a load balancer. Nothing is signed, and nothing is repeated.
    ///
    /// # Errors
    /// [`Kind::Cancelled`], [`Kind::Configuration`] for unreadable shared files.
    pub async fn status(&self, url: &str) -> Result<std::result::Result<u16, String>> {
        let bundle = self.ready().await?.resolved.ca_bundle.clone();
        let transport = Transport::new(self.shared.proxies.clone(), bundle, String::new());
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(Kind::Cancelled { may_exist: false })),
            status = transport.status(url) => Ok(status),
        }
    }

    pub(super) fn sleep(&self) -> &SharedAsyncSleep {
        &self.shared.sleep
    }

    /// Sleeps, unless Terraform asks to stop.
    pub(super) async fn pause(&self, time: Duration) -> Result<()> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::new(Kind::Cancelled { may_exist: false })),
            () = self.shared.sleep.sleep(time) => Ok(()),
        }
    }

    async fn ready(&self) -> Result<&Ready> {
        let shared = &self.shared;
        shared
            .ready
            .get_or_try_init(|| async {
                let profile = Profile::load(&shared.settings, &shared.env).await?;
                let resolved = Resolved::new(&shared.settings, &shared.env, &profile)?;
                let http = shared.http.clone().unwrap_or_else(|| {
                    let agent = agent(&shared.settings, &shared.env);
                    SharedHttpClient::new(Transport::new(shared.proxies.clone(), resolved.ca_bundle.clone(), agent))
                });
                // STS is available in every region; without a region, the call goes where the SDKs send it.
                let region = resolved.region(None).unwrap_or_else(|_| "us-east-1".to_owned());
                let sources = ProviderConfig::empty()
                    .with_region(Some(Region::new(region.clone())))
                    .with_http_client(http.clone())
                    .with_sleep_impl(shared.sleep.clone())
                    .with_timeout_config(timeouts())
                    .with_retry_config(RetryConfig::standard())
                    .with_use_fips(Some(resolved.use_fips))
                    .with_use_dual_stack(Some(resolved.use_dual_stack));
                let mut for_sts = base(&resolved, &http, &shared.sleep, &region).into_builder();
                for_sts.set_endpoint_url(resolved.endpoints.sts.clone());
                let metadata =
                    Metadata { disabled: resolved.metadata_disabled, endpoint: resolved.metadata_endpoint.clone() };
                let settings = Arc::clone(&shared.settings);
                let keyring = Keyring::new(settings, shared.env.clone(), profile, sources, for_sts.build(), metadata);
                Ok(Ready { resolved, keyring: Arc::new(keyring), http })
            })
            .await
    }

    /// The clients of a region.
    pub(super) async fn regional(&self, wanted: Option<&str>) -> Result<Arc<Regional>> {
        let ready = self.ready().await?;
        let region = ready.resolved.region(wanted)?;
        let mut regions = self.shared.regions.lock().unwrap_or_else(PoisonError::into_inner);
        let regional = regions.entry(region.clone()).or_insert_with(|| {
            let credentials = SharedCredentialsProvider::new(FromKeyring(Arc::clone(&ready.keyring)));
            let config = base(&ready.resolved, &ready.http, &self.shared.sleep, &region)
                .into_builder()
                .credentials_provider(credentials)
                // The keyring caches and renews them.
                .identity_cache(IdentityCache::no_cache())
                .build();
            let addresses = &ready.resolved.endpoints;
            Arc::new(Regional {
                region,
                config,
                addresses: [&addresses.ec2, &addresses.eks, &addresses.ssm, &addresses.sts, &addresses.elbv2]
                    .map(Clone::clone),
                ecr_address: addresses.ecr.clone(),
                iam_address: addresses.iam.clone(),
                ec2: OnceLock::new(),
                eks: OnceLock::new(),
                elb: OnceLock::new(),
                ssm: OnceLock::new(),
                sts: OnceLock::new(),
                parts: Mutex::default(),
            })
        });
        Ok(Arc::clone(regional))
    }

    /// Runs one operation: first credentials and account check, then the call, until Terraform asks to stop.
    pub(super) async fn run<O, E, F, Fut>(
        &self,
        operation: Operation,
        effect: Effect,
        region: &str,
        run: F,
    ) -> Result<O>
    where
        F: FnOnce(Probe) -> Fut,
        Fut: Future<Output = std::result::Result<O, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if operation != GET_CALLER_IDENTITY {
            self.guard().await?;
        }
        let probe = Probe::new(operation);
        let work = async {
            // Requested here too, so that a failure is this module's own error and not the SDK's rendering of it.
            self.ready().await?.keyring.credentials().await?;
            send_with(probe.clone(), operation, region, run).await
        };
        tokio::pin!(work);
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            done = &mut work => return done,
        }
        let cancelled = |may_exist| {
            let place = Place { region, endpoint: probe.endpoint(), attempts: probe.attempts() };
            Error::failed(Kind::Cancelled { may_exist }, operation, place, Answer::default(), None)
        };
        let sent = probe.attempts() > 0;
        if effect == Effect::Read || !sent {
            return Err(cancelled(false));
        }
        tracing::debug!(%operation, "asked to stop; waiting for the answer");
        tokio::select! {
            biased;
            done = &mut work => done,
            undone = probe.failed_attempt() => Err(cancelled(effect == Effect::Create && !undone)),
            () = self.shared.sleep.sleep(GRACE) => Err(cancelled(effect == Effect::Create)),
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}

/// What the User-Agent header ends with: the products of the settings, then those of the environment as Terraform and
/// the AWS provider read it. What no header may contain is left out.
fn agent(settings: &Settings, env: &Env) -> String {
    let appended = variable(env, &["TF_APPEND_USER_AGENT"]);
    let products: Vec<&str> = settings.user_agent.iter().chain(&appended).map(|product| product.trim()).collect();
    products.join(" ").chars().filter(|c| *c == ' ' || c.is_ascii_graphic()).collect()
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()
}

/// The configuration shared by all clients of a region.
fn base(resolved: &Resolved, http: &SharedHttpClient, sleep: &SharedAsyncSleep, region: &str) -> SdkConfig {
    let retry = match resolved.retry_mode {
        RetryMode::Standard => RetryConfig::standard(),
        RetryMode::Adaptive => RetryConfig::adaptive(),
    };
    let retry = retry
        .with_max_attempts(resolved.max_attempts)
        .with_initial_backoff(INITIAL_BACKOFF)
        .with_max_backoff(MAX_BACKOFF);
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http.clone())
        .sleep_impl(sleep.clone())
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .timeout_config(timeouts())
        .retry_config(retry)
        .use_fips(resolved.use_fips)
        .use_dual_stack(resolved.use_dual_stack);
    builder.set_app_name(AppName::new(concat!("terraform-provider-ekshybrid-", env!("CARGO_PKG_VERSION"))).ok());
    builder.build()
}

/// An unlimited share of the retry budget: as in `hashicorp/aws`, the number of attempts is the only limit. Ten
/// callers throttled for twenty seconds would use up the SDK's own budget of 500 tokens.
pub(super) fn partition(service: &'static str, region: &str) -> RetryPartition {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    RetryPartition::custom(format!("{service}-{region}"))
        .token_bucket(TokenBucket::unlimited())
        .client_rate_limiter(ClientRateLimiter::new(now.as_secs_f64()))
        .build()
}

/// The client of one service, created once.
macro_rules! service {
    ($name:ident, $sdk:ident, $address:literal) => {
        impl Regional {
            pub(super) fn $name(&self) -> &$sdk::Client {
                self.$name.get_or_init(|| {
                    let mut builder = $sdk::config::Builder::from(&self.config);
                    builder.set_endpoint_url(self.addresses[$address].clone());
                    let builder = builder.retry_partition(partition(stringify!($name), &self.region));
                    $sdk::Client::from_conf(builder.build())
                })
            }
        }
    };
}

service!(ec2, aws_sdk_ec2, 0);
service!(eks, aws_sdk_eks, 1);
service!(ssm, aws_sdk_ssm, 2);
service!(sts, aws_sdk_sts, 3);
service!(elb, aws_sdk_elasticloadbalancingv2, 4);
