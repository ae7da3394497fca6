//! Spellings of attributes: the API's, and the one that was probably meant.

/// The name that was probably meant, if any is near enough to be a slip of the hand or the API's own spelling.
pub(crate) fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
    let written = plain(written);
    names
        .iter()
        .map(|name| (edits(&written, &plain(name)), *name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .map(|(_, name)| name)
}

/// How many characters must be added, removed or replaced to turn one text into the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, to) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

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

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_none() {
        let names = ["name", "region", "api_server_endpoint", "certificate_authority", "cidr"];
        for (written, meant) in [
            ("regoin", Some("region")),
            ("Region", Some("region")),
            ("apiServerEndpoint", Some("api_server_endpoint")),
            ("api-server-endpoint", Some("api_server_endpoint")),
            ("certificate_authorities", Some("certificate_authority")),
            ("nam", Some("name")),
            ("version", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &names), meant, "{written}");
        }
    }
}
