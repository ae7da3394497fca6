# Sends traffic of a load balancer in the VPC to a service's NodePort on the hybrid nodes.
resource "ekshybrid_target_group_attachment" "example" {
  cluster_name     = "workshop"
  target_group_arn = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/0123456789abcdef"
  port             = 30080
}
