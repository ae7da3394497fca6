//! Which events are wanted, by the host's environment.

use tracing::level_filters::LevelFilter;

/// The level that the environment asks for; `None` when logging is off.
///
/// The first variable that is set to something decides, so a provider can be quieter or louder than the rest. `JSON`
/// is Terraform's name for all events in JSON; a word that is no level means all events too, as it does there.
pub fn level(name: &str, variable: impl Fn(&str) -> Option<String>) -> Option<LevelFilter> {
    let own = format!("TF_LOG_PROVIDER_{}", name.to_uppercase().replace('-', "_"));
    let asked = [own.as_str(), "TF_LOG_PROVIDER", "TF_LOG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))?;
    match asked.to_uppercase().as_str() {
        "OFF" => None,
        "ERROR" => Some(LevelFilter::ERROR),
        "WARN" => Some(LevelFilter::WARN),
        "INFO" => Some(LevelFilter::INFO),
        "DEBUG" => Some(LevelFilter::DEBUG),
        _ => Some(LevelFilter::TRACE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_variable_decides() {
        for (set, expected) in [
            (&[][..], None),
            (&[("TF_LOG", "debug")], Some(LevelFilter::DEBUG)),
            (&[("TF_LOG", "trace"), ("TF_LOG_PROVIDER", "WARN")], Some(LevelFilter::WARN)),
            (&[("TF_LOG", "trace"), ("TF_LOG_PROVIDER", "")], Some(LevelFilter::TRACE)),
            (&[("TF_LOG", "trace"), ("TF_LOG_PROVIDER_SAMPLE_ONE", "off")], None),
            (&[("TF_LOG_PROVIDER", "off"), ("TF_LOG_PROVIDER_SAMPLE_ONE", "error")], Some(LevelFilter::ERROR)),
            (&[("TF_LOG_PROVIDER_OTHER", "info")], None),
            (&[("TF_LOG", "info")], Some(LevelFilter::INFO)),
            (&[("TF_LOG", "json")], Some(LevelFilter::TRACE)),
            (&[("TF_LOG", "loud")], Some(LevelFilter::TRACE)),
        ] {
            let variable = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(level("sample-one", variable), expected, "{set:?}");
        }
    }
}
