import {
  to = ekshybrid_aws_auth_entry.workers
  identity = {
    cluster_name = "closed"
    role_arn     = "arn:aws:iam::111122223333:role/workers"
    region       = "us-west-2"
  }
}
