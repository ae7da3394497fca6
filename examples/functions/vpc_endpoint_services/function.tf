# The services of a private cluster, without tracing and with a queue.
output "services" {
  value = provider::ekshybrid::vpc_endpoint_services("private_cluster", "us-west-2", {
    additional_services = ["sqs"]
    excluded_services   = ["xray"]
  })
}
