//! EKS clusters.

use crate::word::word;

word! {
    /// The name of an EKS cluster. Source: API reference of EKS, CreateCluster.
    ClusterName;
    noun = "cluster name";
    kind = "the name of an EKS cluster";
    form = ": 1 to 100 letters, digits, `-` and `_`, beginning with a letter or digit";
    check = |text| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if begins && text.len() <= 100 && text.bytes().all(letters) {
            return Ok(());
        }
        match text.strip_prefix("arn:").and_then(|rest| rest.split_once(":cluster/")) {
            Some((_, name)) => Err(format!("that is an ARN, the name is `{}`", name.escape_debug())),
            None => Err(String::new()),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn names() {
        check::<ClusterName>(&[
            ("a", Ok(())),
            ("7", Ok(())),
            ("work_shop-1", Ok(())),
            (&"c".repeat(100), Ok(())),
            (&"c".repeat(101), Err("1 to 100 letters")),
            ("-x", Err("beginning with a letter or digit")),
            ("a.b", Err("1 to 100 letters")),
            ("", Err("1 to 100 letters")),
            ("arn:aws:eks:us-west-2:111122223333:cluster/workshop", Err("the name is `workshop`")),
        ]);
    }
}
