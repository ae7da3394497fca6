//! Answers that carry nothing but what went wrong.

use crate::wire::proto::tfplugin6 as wire;

/// An answer that can say that the call failed.
pub trait Fails {
    /// The answer of a call that failed.
    fn failed(diagnostics: Vec<wire::Diagnostic>) -> Self;
}

macro_rules! fails_with_diagnostics {
    ($($call:ident),+ $(,)?) => {
        $(impl Fails for wire::$call::Response {
            fn failed(diagnostics: Vec<wire::Diagnostic>) -> Self {
                #[allow(clippy::needless_update, reason = "some answers hold nothing but diagnostics")]
                Self { diagnostics, ..Default::default() }
            }
        })+
    };
}

fails_with_diagnostics!(
    validate_provider_config,
    configure_provider,
    validate_resource_config,
    upgrade_resource_state,
    upgrade_resource_identity,
    read_resource,
    plan_resource_change,
    apply_resource_change,
    import_resource_state,
    move_resource_state,
    generate_resource_config,
    validate_data_resource_config,
    read_data_source,
    validate_ephemeral_resource_config,
    open_ephemeral_resource,
    renew_ephemeral_resource,
    close_ephemeral_resource,
    validate_list_resource_config,
    validate_action_config,
    plan_action,
);

/// A function has one text instead of diagnostics.
impl Fails for wire::call_function::Response {
    fn failed(diagnostics: Vec<wire::Diagnostic>) -> Self {
        let texts: Vec<String> = diagnostics
            .into_iter()
            .map(|diagnostic| format!("{}: {}", diagnostic.summary, diagnostic.detail))
            .collect();
        let error = wire::FunctionError { text: texts.join("\n\n"), function_argument: None };
        Self { result: None, error: Some(error) }
    }
}
