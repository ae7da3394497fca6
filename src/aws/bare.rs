//! Operations of services whose crate of the SDK is not in the tree: the SDK's own machinery (credentials, signing,
//! retries, rate limiting, timeouts) around a request and its answer.

use aws_config::BehaviorVersion;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation as Request;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::ErrorMetadata;
use aws_types::SdkConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};

use super::call::Probe;
use super::clients::partition;
use super::error::Operation;

/// Where an operation is sent, and for whom it is signed.
pub(super) struct Place<'a> {
    /// The service's name in signatures, such as `ecr`.
    pub(super) service: &'static str,
    /// Region of the signature.
    pub(super) region: &'a str,
    /// Scheme and host.
    pub(super) address: &'a str,
}

/// The operation, as the SDK would build it. `ask` writes the request and may be called again for a retry; `read` reads
/// the answer.
pub(super) fn request<T: std::fmt::Debug + Send + Sync + 'static>(
    operation: Operation,
    config: &SdkConfig,
    place: &Place<'_>,
    probe: Probe,
    ask: impl Fn() -> std::result::Result<HttpRequest, BoxError> + Send + Sync + 'static,
    read: impl Fn(&HttpResponse) -> std::result::Result<T, OrchestratorError<ErrorMetadata>> + Send + Sync + 'static,
) -> Request<(), T, ErrorMetadata> {
    let mut signing = Layer::new("signing");
    signing.store_put(AuthSchemeOptionResolverParams::new(()));
    signing.store_put(SigV4OperationSigningConfig::default());
    signing.store_put(SigningRegion::from(Region::new(place.region.to_owned())));
    signing.store_put(SigningName::from_static(place.service));
    signing.store_put(partition(place.service, place.region));
    let mut parts = RuntimeComponentsBuilder::new("signing");
    let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    parts.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
    parts.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
    // The keyring caches and renews the credentials.
    parts.set_identity_cache(Some(IdentityCache::no_cache()));
    if let Some(credentials) = config.credentials_provider() {
        parts.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    let mut builder = Request::builder()
        .service_name(place.service)
        .operation_name(operation.name)
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(place.address)
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .interceptor(RequestInfoInterceptor::new())
        .interceptor(probe)
        .runtime_plugin(StaticRuntimePlugin::new().with_config(signing.freeze()).with_runtime_components(parts));
    if let Some(client) = config.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(retry) = config.retry_config() {
        builder = builder.standard_retry(retry);
    }
    if let Some(timeouts) = config.timeout_config() {
        builder = builder.timeout_config(timeouts.clone());
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    builder.serializer(move |()| ask()).deserializer(read).build()
}
