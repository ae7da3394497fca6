import {
  to = ekshybrid_target_group_attachment.example
  id = "workshop/arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/0123456789abcdef"
}
