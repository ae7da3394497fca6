//! Converts attribute names to the API's spelling.

/// The API's spelling of an attribute: `api_server_endpoint` is `apiServerEndpoint`.
pub(crate) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut spelled = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        spelled.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        spelled.push_str(letters.as_str());
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_spells_in_camels() {
        for (name, spelled) in
            [("name", "name"), ("api_server_endpoint", "apiServerEndpoint"), ("trust_anchor_arn", "trustAnchorArn")]
        {
            assert_eq!(camel(name), spelled);
        }
    }
}
