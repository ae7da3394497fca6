//! Versions of Kubernetes and of the VPC CNI.

use std::cmp::Ordering;
use std::fmt;

use crate::word::word;
use crate::{Invalid, Word};

word! {
    /// A version of Kubernetes.
    KubernetesVersion;
    noun = "version of Kubernetes";
    kind = "a version of Kubernetes";
    form = ", `<major>.<minor>` or `<major>.<minor>.<patch>`";
    check = |text| {
        if numbers(text).is_some() {
            return Ok(());
        }
        match text.strip_prefix('v') {
            Some(version) => Err(format!("leave out the `v`: `{}`", version.escape_debug())),
            None => Err(String::new()),
        }
    };
}

/// Major, minor and patch of a version with two or three numbers. `parse` alone would accept `+1`.
fn numbers(text: &str) -> Option<[u32; 3]> {
    let number = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        part.parse().ok().filter(|_| plain)
    };
    let parts = text.split('.').map(number).collect::<Option<Vec<u32>>>()?;
    match parts[..] {
        [major, minor] => Some([major, minor, 0]),
        [major, minor, patch] => Some([major, minor, patch]),
        _ => None,
    }
}

/// A version of the VPC CNI as EKS counts them: `1.6.3-eksbuild.2`, with or without `v`. Without a build it is the
/// first of its kind.
#[derive(Clone, Debug)]
pub struct VpcCniVersion {
    text: String,
    numbers: [u32; 3],
    build: u32,
}

impl VpcCniVersion {
    /// Major and minor version.
    #[must_use]
    pub fn minor(&self) -> (u32, u32) {
        (self.numbers[0], self.numbers[1])
    }

    /// Without `v`: `1.20.4-eksbuild.1`.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.text.strip_prefix('v').unwrap_or(&self.text)
    }

    fn read(text: &str) -> Option<Self> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (version, build) = match plain.split_once("-eksbuild.") {
            Some((version, build)) if build.bytes().all(|byte| byte.is_ascii_digit()) => (version, build.parse().ok()?),
            Some(_) => return None,
            None => (plain, 0),
        };
        Some(Self { text: text.to_owned(), numbers: numbers(version)?, build })
    }
}

impl Word for VpcCniVersion {
    const NOUN: &'static str = "version of the VPC CNI";
    const KIND: &'static str = "a version of the VPC CNI";
    const FORM: &'static str = " such as `1.20.4` or `v1.20.4-eksbuild.2`";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::read(text).ok_or_else(|| Self::refuse(text, ""))
    }

    fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for VpcCniVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for VpcCniVersion {}

impl PartialOrd for VpcCniVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VpcCniVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numbers, self.build).cmp(&(other.numbers, other.build))
    }
}

impl fmt::Display for VpcCniVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::word::check;

    #[test]
    fn of_kubernetes() {
        check::<KubernetesVersion>(&[
            ("1.34", Ok(())),
            ("1.34.0", Ok(())),
            ("v1.34", Err("leave out the `v`: `1.34`")),
            ("1", Err("<major>.<minor>")),
            ("1.034", Err("<major>.<minor>")),
            ("1.+34", Err("<major>.<minor>")),
            ("1.34.0.1", Err("<major>.<minor>")),
            ("1.34.", Err("<major>.<minor>")),
            ("latest", Err("<major>.<minor>")),
            ("", Err("<major>.<minor>")),
        ]);
    }

    #[test]
    fn of_the_vpc_cni() {
        check::<VpcCniVersion>(&[
            ("1.9", Ok(())),
            ("v1.20.4-eksbuild.2", Ok(())),
            ("", Err("such as `1.20.4`")),
            ("1", Err("such as `1.20.4`")),
            ("v", Err("such as `1.20.4`")),
            ("1.", Err("such as `1.20.4`")),
            ("1.+9", Err("such as `1.20.4`")),
            ("1.9 ", Err("such as `1.20.4`")),
            ("1.9.0-", Err("such as `1.20.4`")),
            ("1.2.3.4", Err("such as `1.20.4`")),
            ("1.x.0", Err("such as `1.20.4`")),
            ("1.6.3-rc.1", Err("such as `1.20.4`")),
            ("1.6.3-eksbuild.x", Err("such as `1.20.4`")),
            ("1.6.3-eksbuild.", Err("such as `1.20.4`")),
            ("latest", Err("such as `1.20.4`")),
        ]);
    }

    #[test]
    fn versions_are_ordered() {
        let ascending =
            ["1.6.2", "v1.6.3", "1.6.3-eksbuild.2", "1.9", "v1.9.0-eksbuild.1", "1.18.6-eksbuild.1", "1.20.4"];
        for pair in ascending.windows(2) {
            let [one, other] = [pair[0], pair[1]].map(|text| VpcCniVersion::parse(text).unwrap());
            assert!(one < other, "{one} < {other}");
        }
        assert_eq!(VpcCniVersion::parse("v1.9").unwrap(), VpcCniVersion::parse("1.9.0").unwrap());
        assert_eq!(VpcCniVersion::parse("v1.20.4-eksbuild.1").unwrap().to_string(), "1.20.4-eksbuild.1");
    }
}
