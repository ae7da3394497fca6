# CLUSTER/ARN, or CLUSTER/ARN@REGION if the region is not the provider's.
terraform import ekshybrid_aws_auth_entry.workers closed/arn:aws:iam::111122223333:role/workers
