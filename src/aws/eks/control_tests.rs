use serde_json::json;

use super::*;
use crate::aws::stub::{Reply, Stub};

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test]
async fn a_creation_says_everything_and_nothing_that_is_not_set() {
    let stub = Stub::new(|_| Reply::json(&json!({ "cluster": { "name": "plant", "status": "CREATING" } })));
    let eks = stub.clients().eks(None);
    let outpost = Outpost {
        arns: vec!["arn:aws:outposts:us-west-2:111122223333:outpost/op-1".to_owned()],
        control_plane_instance_type: "m5.large".to_owned(),
        ..Outpost::default()
    };
    let plain = LocalClusterSpec {
        name: "plant".to_owned(),
        role_arn: "arn:role".to_owned(),
        subnet_ids: vec!["subnet-1".to_owned()],
        authentication_mode: "CONFIG_MAP".to_owned(),
        bootstrap_admin: true,
        outpost: outpost.clone(),
        request_token: "token".to_owned(),
        ..LocalClusterSpec::default()
    };
    let whole = LocalClusterSpec {
        outpost: Outpost {
            control_plane_spread_level: Some("rack".to_owned()),
            etcd_instance_type: Some("m5d.large".to_owned()),
            etcd_spread_level: Some("host".to_owned()),
            ..outpost
        },
        log_types: set(&["api"]),
        remote_pod_networks: set(&["10.85.0.0/16"]),
        deletion_protection: true,
        ..plain.clone()
    };
    for spec in [&plain, &whole] {
        assert_eq!(eks.create_local_cluster(spec).await.expect("created").status, "CREATING");
    }
    stub.read(|asked| {
        let sent = &asked[0].body;
        assert_eq!(
            sent["outpostConfig"],
            json!({
                "outpostArns": ["arn:aws:outposts:us-west-2:111122223333:outpost/op-1"],
                "controlPlaneInstanceType": "m5.large",
            })
        );
        assert_eq!(sent["resourcesVpcConfig"]["endpointPrivateAccess"], true);
        assert_eq!(sent["resourcesVpcConfig"]["endpointPublicAccess"], false);
        for unset in ["remoteNetworkConfig", "logging", "deletionProtection", "version", "kubernetesNetworkConfig"] {
            assert_eq!(sent.get(unset), None, "{unset}");
        }
        let sent = &asked[1].body;
        assert_eq!(sent["outpostConfig"]["controlPlanePlacement"], json!({ "spreadLevel": "rack" }));
        assert_eq!(sent["outpostConfig"]["etcdPlacement"], json!({ "spreadLevel": "host" }));
        assert_eq!(
            sent["remoteNetworkConfig"],
            json!({ "remoteNodeNetworks": [], "remotePodNetworks": [{ "cidrs": ["10.85.0.0/16"] }] })
        );
        assert_eq!(sent["logging"]["clusterLogging"][1]["enabled"], false);
        assert_eq!(sent["deletionProtection"], true);
    });
}

#[tokio::test]
async fn a_change_without_a_difference_is_none() {
    let stub = Stub::new(|_| {
        let body = json!({ "__type": "InvalidParameterException", "message": "No changes detected" });
        Reply::Answer(400, body.to_string())
    });
    let eks = stub.clients().eks(None);
    for change in [ClusterChange::LogTypes(set(&["api"])), ClusterChange::Version("1.35".to_owned())] {
        assert_eq!(eks.change_cluster("plant", &change).await.expect("no error"), None, "{change:?}");
    }
}

#[tokio::test]
async fn deleting_what_is_gone_is_a_success() {
    let gone = json!({ "__type": "ResourceNotFoundException", "message": "No cluster found for name: plant." });
    let busy = json!({ "__type": "ResourceInUseException", "message": "Cluster plant is in status CREATING" });
    for (status, body, works) in [(404, gone, true), (409, busy, false)] {
        let stub = Stub::new(move |_| Reply::Answer(status, body.to_string()));
        assert_eq!(stub.clients().eks(None).delete_cluster("plant").await.is_ok(), works, "{status}");
    }
}
