resource "aws_iam_role" "hybrid_nodes" {
  name = "hybrid-nodes"
  assume_role_policy = provider::ekshybrid::hybrid_node_trust_policy({
    account_id = "123456789012"
    region     = "us-west-2"
  })
}
