import {
  to = ekshybrid_target_group_attachment.example
  identity = {
    cluster_name     = "workshop"
    target_group_arn = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/0123456789abcdef"
    region           = "us-west-2"
  }
}
