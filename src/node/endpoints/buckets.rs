//! The buckets of AWS that nodes read, and a policy for the gateway endpoint of Amazon S3 that allows only those.
//!
//! Sources: ECR user guide, "Minimum Amazon S3 bucket permissions for Amazon ECR"; Amazon Linux 2023 and 2 user guides on
//! repositories and VPC endpoints; Systems Manager user guide, "SSM Agent communications with AWS managed S3 buckets".

use names::Region;
use serde_json::{Value, json};

use super::super::shape::{self, holds, object, text};
use super::super::tree::{Faults, Parsed, Tree};

object! {
    /// Which buckets nodes read.
    pub struct Options (OptionsDraft) {
        /// Names of buckets of your own that nodes read.
        pub buckets: Option<Vec<BucketName>>,
        /// The bucket with the layers of images in Amazon ECR. Default `true`: without it, no image can be pulled.
        pub ecr_images: Option<bool>,
        /// The bucket with the packages of Amazon Linux 2023. Default `true`.
        pub amazon_linux_2023: Option<bool>,
        /// The buckets with the packages of Amazon Linux 2. Default `false`.
        pub amazon_linux_2: Option<bool>,
        /// The buckets from which the SSM agent is installed and updated. Default `true`.
        pub systems_manager: Option<bool>,
    }
}

text! {
    /// Name of a bucket.
    pub struct BucketName;
    rule = "the name of a bucket: 3 to 63 lowercase letters, digits, dots and hyphens";
    check = |text| holds(is_bucket(text));
}

/// Whether a text can be the name of a bucket. Source: S3 user guide, general purpose bucket naming rules.
#[must_use]
pub fn is_bucket(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    (3..=63).contains(&bytes.len())
        && bytes.iter().copied().all(letters)
        && ends(bytes.first())
        && ends(bytes.last())
        && !text.contains("..")
}

/// The bucket with the layers of all images in ECR.
fn of_images(region: &str) -> String {
    format!("prod-{region}-starport-layer-bucket")
}

fn of_amazon_linux_2023(region: &str) -> String {
    format!("al2023-repos-{region}-de612dc2")
}

fn of_amazon_linux_2(region: &str, dns_suffix: &str) -> [String; 4] {
    [
        format!("amazonlinux-2-repos-{region}"),
        format!("amazonlinux.{region}.{dns_suffix}"),
        format!("packages.{region}.{dns_suffix}"),
        format!("repo.{region}.{dns_suffix}"),
    ]
}

fn of_systems_manager(region: &str) -> [String; 4] {
    [
        format!("amazon-ssm-{region}"),
        format!("amazon-ssm-packages-{region}"),
        format!("aws-ssm-{region}"),
        format!("{region}-birdwatcher-prod"),
    ]
}

/// Every bucket of AWS that nodes may read.
#[must_use]
pub fn of_aws(region: &Region) -> Vec<String> {
    let (name, suffix) = (region.as_str(), region.partition().dns_suffix());
    let one = [of_images(name), of_amazon_linux_2023(name)];
    one.into_iter().chain(of_systems_manager(name)).chain(of_amazon_linux_2(name, suffix)).collect()
}

/// Parses the options of the function `s3_gateway_policy`.
///
/// # Errors
/// Every rule that the known part of the input breaks.
pub fn parse(tree: &Tree) -> Result<Parsed<Options>, Faults> {
    shape::parse(tree)
}

/// All options, their types and rules, as a nested Markdown list.
#[must_use]
pub fn description() -> String {
    shape::description::<Options>()
}

impl Options {
    /// The policy as Terraform's `jsonencode` writes it: one line, keys in alphabetical order.
    #[must_use]
    pub fn policy(&self, region: &Region) -> String {
        let (name, suffix, partition) = (region.as_str(), region.partition().dns_suffix(), region.partition().id());
        let mut aws = Vec::new();
        if self.ecr_images != Some(false) {
            aws.push(of_images(name));
        }
        if self.amazon_linux_2023 != Some(false) {
            aws.push(of_amazon_linux_2023(name));
        }
        if self.amazon_linux_2 == Some(true) {
            aws.extend(of_amazon_linux_2(name, suffix));
        }
        if self.systems_manager != Some(false) {
            aws.extend(of_systems_manager(name));
        }
        let mut statements = Vec::new();
        if !aws.is_empty() {
            statements.push(read("Nodes", &objects(partition, &aws)));
        }
        let own: Vec<String> = self.buckets.iter().flatten().map(|bucket| bucket.as_str().to_owned()).collect();
        if !own.is_empty() {
            statements.push(read("OwnObjects", &objects(partition, &own)));
            let arns: Vec<String> = own.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}")).collect();
            statements.push(allow("OwnBuckets", &["s3:GetBucketLocation", "s3:ListBucket"], &arns));
        }
        json!({"Statement": statements, "Version": "2012-10-17"}).to_string()
    }
}

/// All objects of buckets.
pub(super) fn objects(partition: &str, buckets: &[String]) -> Vec<String> {
    buckets.iter().map(|bucket| format!("arn:{partition}:s3:::{bucket}/*")).collect()
}

pub(super) fn read(sid: &str, resources: &[String]) -> Value {
    allow(sid, &["s3:GetObject"], resources)
}

fn allow(sid: &str, actions: &[&str], resources: &[String]) -> Value {
    json!({"Action": actions, "Effect": "Allow", "Principal": "*", "Resource": resources, "Sid": sid})
}

#[cfg(test)]
mod tests {
    use names::Word as _;

    use super::*;
    use crate::node::tree::written::{LATER, tree};

    fn rendered(input: Value, region: &str) -> String {
        let region = Region::parse(region).expect("a region");
        match parse(&tree(input)) {
            Ok(Parsed::Ready(options)) => options.policy(&region),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_is_asked_for_is_allowed() {
        let input = json!({"amazon_linux_2023": false, "systems_manager": false});
        assert_eq!(
            rendered(input, "ap-northeast-1"),
            r#"{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow","Principal":"*","Resource":["arn:aws:s3:::prod-ap-northeast-1-starport-layer-bucket/*"],"Sid":"Nodes"}],"Version":"2012-10-17"}"#
        );
        let all = rendered(json!({"amazon_linux_2": true, "buckets": ["carried-in"]}), "cn-north-1");
        for part in [
            "arn:aws-cn:s3:::al2023-repos-cn-north-1-de612dc2/*",
            "arn:aws-cn:s3:::packages.cn-north-1.amazonaws.com.cn/*",
            "arn:aws-cn:s3:::amazon-ssm-cn-north-1/*",
            r#"{"Action":["s3:GetBucketLocation","s3:ListBucket"],"Effect":"Allow","Principal":"*","Resource":["arn:aws-cn:s3:::carried-in"],"Sid":"OwnBuckets"}"#,
        ] {
            assert!(all.contains(part), "{part} is not in {all}");
        }
    }

    #[test]
    fn refused_and_unknown() {
        let fault = parse(&tree(json!({"buckets": ["Upper"]}))).expect_err("refused").to_string();
        assert!(fault.starts_with("buckets[0]: must be the name of a bucket"), "{fault}");
        assert_eq!(parse(&tree(json!({"buckets": [LATER]}))).map(|parsed| matches!(parsed, Parsed::Pending)), Ok(true));
    }

    #[test]
    fn names_of_buckets() {
        for (name, expected) in [
            ("abc", true),
            ("a.b-c", true),
            ("ab", false),
            ("-ab", false),
            ("ab.", false),
            ("a..b", false),
            ("A_b", false),
        ] {
            assert_eq!(is_bucket(name), expected, "{name}");
        }
    }
}
