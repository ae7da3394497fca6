# Everything that a private cluster needs of AWS, without a way to the internet.
resource "ekshybrid_vpc_endpoints" "example" {
  vpc_id             = "vpc-0123456789abcdef0"
  profile            = "private_cluster"
  excluded_services  = ["xray"]
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
  security_group_ids = ["sg-0123456789abcdef0"]
  route_table_ids    = ["rtb-0123456789abcdef0"]

  # Buckets, repositories and keys of other accounts cannot be reached.
  restrict_to_account = true

  tags = { Name = "closed" }
}
