//! Import ids of objects in a cluster.

use framework::model::Text;
use framework::resource::parse_region_id;

use super::{ClusterName, Region};

/// Reads the import id `CLUSTER/KEY` or `CLUSTER/KEY@REGION`.
///
/// # Errors
/// What is wrong with it.
pub fn in_cluster(id: &str) -> std::result::Result<(ClusterName, String, Option<Region>), String> {
    let (id, region) = parse_region_id(id)?;
    let (cluster, key) = id
        .split_once('/')
        .filter(|(_, key)| !key.is_empty())
        .ok_or("Write it as `CLUSTER/NAME`, or `CLUSTER/NAME@REGION`.")?;
    let region = region.map(|region| Region::parse(&region)).transpose()?;
    Ok((ClusterName::parse(cluster)?, key.to_owned(), region))
}

/// Reads the import id `CLUSTER/ARN` or `CLUSTER/ARN@REGION`. IAM allows `@` in names: what follows it is a region only
/// when there is one of that name.
///
/// # Errors
/// What is wrong with it.
pub fn of_principal(id: &str) -> Result<(ClusterName, String, Option<Region>), String> {
    if id.rsplit_once('@').is_some_and(|(_, region)| Region::parse(region).is_ok()) {
        return in_cluster(id);
    }
    let split = id.split_once('/').filter(|(_, arn)| !arn.is_empty());
    let (cluster, arn) = split.ok_or("Write it as `CLUSTER/ARN`, or as `CLUSTER/ARN@REGION`.")?;
    Ok((ClusterName::parse(cluster)?, arn.to_owned(), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_ids() {
        let (cluster, key, region) = in_cluster("workshop/us-west-2a@eu-west-1").expect("an id");
        assert_eq!((cluster.as_str(), key.as_str()), ("workshop", "us-west-2a"));
        assert_eq!(region.expect("a region").as_str(), "eu-west-1");
        assert!(in_cluster("workshop/a").is_ok_and(|(_, _, region)| region.is_none()));
        for id in ["workshop", "workshop/", "/a", "work shop/a", "workshop/a@nowhere", "workshop/a@"] {
            assert!(in_cluster(id).is_err(), "{id}");
        }
    }

    #[test]
    fn import_ids_of_principals() {
        let parsed = |id: &str| {
            let (cluster, arn, region) = of_principal(id)?;
            Ok::<_, String>((cluster.to_string(), arn, region.map(|region| region.to_string())))
        };
        let role = "arn:aws:iam::111122223333:role/a/b";
        let of = |arn: &str, region: Option<&str>| Ok(("c".to_owned(), arn.to_owned(), region.map(str::to_owned)));
        assert_eq!(parsed(&format!("c/{role}")), of(role, None));
        assert_eq!(parsed(&format!("c/{role}@us-west-2")), of(role, Some("us-west-2")));
        assert_eq!(parsed(&format!("c/{role}@home")), of(&format!("{role}@home"), None));
        assert_eq!(parsed(&format!("c/{role}@home@us-west-2")), of(&format!("{role}@home"), Some("us-west-2")));
        for id in ["", "c", "c/", "/x", "c/@us-west-2", "-c/x"] {
            assert!(parsed(id).is_err(), "{id}");
        }
    }
}
