# Nodes read images, packages of Amazon Linux 2023, the SSM agent, and one bucket of the account.
output "policy" {
  value = provider::ekshybrid::s3_gateway_policy("us-west-2", {
    buckets = ["images-carried-in"]
  })
}
