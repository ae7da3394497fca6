# CLUSTER/ROLE_ARN, or CLUSTER/ROLE_ARN@REGION if the region is not the provider's.
terraform import ekshybrid_node_access.hybrid workshop/arn:aws:iam::111122223333:role/hybrid-nodes
