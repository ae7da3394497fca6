resource "aws_iam_role_policy" "hybrid_nodes" {
  name = "hybrid-nodes"
  role = "hybrid-nodes"
  policy = provider::ekshybrid::hybrid_node_role_policy({
    cluster_arns = ["arn:aws:eks:us-west-2:123456789012:cluster/plant"]
    pod_identity = true
  })
}

# What the SSM agent needs.
resource "aws_iam_role_policy_attachment" "ssm" {
  role       = "hybrid-nodes"
  policy_arn = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

# Its hosts get this tag, and may deregister only hosts that have it.
resource "ekshybrid_activation" "example" {
  iam_role = "hybrid-nodes"
  tags     = { EKSClusterARN = "arn:aws:eks:us-west-2:123456789012:cluster/plant" }
}
