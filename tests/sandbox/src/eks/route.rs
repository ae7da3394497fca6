//! EKS's REST paths.

use percent_encoding::percent_decode_str;

/// A path taken apart.
pub struct Route {
    pub operation: &'static str,
    /// The cluster that the path names.
    pub cluster: Option<String>,
    /// What follows it: a principal's ARN, the name of an add-on or a node group, an update's ID; for tags the resource's ARN.
    pub item: Option<String>,
    /// What follows that: a policy's ARN.
    pub detail: Option<String>,
    query: Vec<(String, String)>,
}

impl Route {
    /// `None` when EKS has no such path, or this stand-in does not.
    pub fn of(method: &str, path: &str, query: &str) -> Option<Self> {
        let segments: Vec<String> = path
            .trim_start_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ("DELETE", ["clusters", name, "access-entries", arn, "access-policies", policy]) =
            (method, &segments[..])
        {
            return Some(Self {
                operation: "DisassociateAccessPolicy",
                cluster: Some((*name).to_owned()),
                item: Some((*arn).to_owned()),
                detail: Some((*policy).to_owned()),
                query: Vec::new(),
            });
        }
        let (operation, cluster, item) = match (method, &segments[..]) {
            ("POST", ["clusters"]) => ("CreateCluster", None, None),
            ("GET", ["clusters"]) => ("ListClusters", None, None),
            ("GET", ["clusters", name]) => ("DescribeCluster", Some(*name), None),
            ("DELETE", ["clusters", name]) => ("DeleteCluster", Some(*name), None),
            ("POST", ["clusters", name, "update-config"]) => ("UpdateClusterConfig", Some(*name), None),
            ("POST", ["clusters", name, "updates"]) => ("UpdateClusterVersion", Some(*name), None),
            ("GET", ["clusters", name, "updates"]) => ("ListUpdates", Some(*name), None),
            ("GET", ["clusters", name, "updates", id]) => ("DescribeUpdate", Some(*name), Some(*id)),
            ("POST", ["clusters", name, "access-entries"]) => ("CreateAccessEntry", Some(*name), None),
            ("GET", ["clusters", name, "access-entries"]) => ("ListAccessEntries", Some(*name), None),
            ("GET", ["clusters", name, "access-entries", arn]) => ("DescribeAccessEntry", Some(*name), Some(*arn)),
            ("POST", ["clusters", name, "access-entries", arn]) => ("UpdateAccessEntry", Some(*name), Some(*arn)),
            ("DELETE", ["clusters", name, "access-entries", arn]) => ("DeleteAccessEntry", Some(*name), Some(*arn)),
            ("POST", ["clusters", name, "access-entries", arn, "access-policies"]) => {
                ("AssociateAccessPolicy", Some(*name), Some(*arn))
            }
            ("GET", ["clusters", name, "access-entries", arn, "access-policies"]) => {
                ("ListAssociatedAccessPolicies", Some(*name), Some(*arn))
            }
            ("POST", ["clusters", name, "node-groups"]) => ("CreateNodegroup", Some(*name), None),
            ("GET", ["clusters", name, "node-groups"]) => ("ListNodegroups", Some(*name), None),
            ("GET", ["clusters", name, "node-groups", group]) => ("DescribeNodegroup", Some(*name), Some(*group)),
            ("DELETE", ["clusters", name, "node-groups", group]) => ("DeleteNodegroup", Some(*name), Some(*group)),
            ("POST", ["clusters", name, "insights"]) => ("ListInsights", Some(*name), None),
            ("GET", ["clusters", name, "insights", id]) => ("DescribeInsight", Some(*name), Some(*id)),
            ("GET", ["clusters", name, "certificate-authorities"]) => ("ListCertificateAuthorities", Some(*name), None),
            ("GET", ["cluster-versions"]) => ("DescribeClusterVersions", None, None),
            ("GET", ["addons", "supported-versions"]) => ("DescribeAddonVersions", None, None),
            ("GET", ["addons", "configuration-schemas"]) => ("DescribeAddonConfiguration", None, None),
            ("POST", ["clusters", name, "addons"]) => ("CreateAddon", Some(*name), None),
            ("GET", ["clusters", name, "addons"]) => ("ListAddons", Some(*name), None),
            ("GET", ["clusters", name, "addons", addon]) => ("DescribeAddon", Some(*name), Some(*addon)),
            ("DELETE", ["clusters", name, "addons", addon]) => ("DeleteAddon", Some(*name), Some(*addon)),
            ("POST", ["clusters", name, "addons", addon, "update"]) => ("UpdateAddon", Some(*name), Some(*addon)),
            ("GET", ["tags", arn]) => ("ListTagsForResource", None, Some(*arn)),
            ("POST", ["tags", arn]) => ("TagResource", None, Some(*arn)),
            ("DELETE", ["tags", arn]) => ("UntagResource", None, Some(*arn)),
            _ => return None,
        };
        Some(Self {
            operation,
            cluster: cluster.map(ToOwned::to_owned),
            item: item.map(ToOwned::to_owned),
            detail: None,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters(name).next()
    }

    pub fn parameters(&self, name: &str) -> impl Iterator<Item = &str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn item(&self) -> &str {
        self.item.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let route =
            Route::of("GET", "/clusters/c/access-entries/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx", "maxResults=5&a=1&a=2")
                .unwrap();
        assert_eq!(route.operation, "DescribeAccessEntry");
        assert_eq!(route.cluster.as_deref(), Some("c"));
        assert_eq!(route.item(), "arn:aws:iam::1:role/x");
        assert_eq!(route.parameter("maxResults"), Some("5"));
        assert_eq!(route.parameters("a").collect::<Vec<_>>(), ["1", "2"]);
        for (method, path) in [("PUT", "/clusters"), ("GET", "/"), ("GET", "/clusters/c/none")] {
            assert!(Route::of(method, path, "").is_none(), "{method} {path}");
        }
    }
}
