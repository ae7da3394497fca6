# `terraform test` in this folder calls the functions themselves: they are pure, and a mock does not replace them.
mock_provider "ekshybrid" {}

run "every_function" {
  command = plan

  assert {
    condition     = strcontains(output.bootstrap_arguments, "--apiserver-endpoint")
    error_message = "bootstrap_arguments: ${output.bootstrap_arguments}"
  }
  assert {
    condition     = output.cidrs_overlap.inside && !output.cidrs_overlap.outside
    error_message = "cidrs_overlap"
  }
  assert {
    condition     = strcontains(output.hybrid_node_role_policy, "eks:DescribeCluster")
    error_message = "hybrid_node_role_policy: ${output.hybrid_node_role_policy}"
  }
  assert {
    condition     = jsondecode(output.hybrid_node_trust_policy).Statement[0].Principal.Service == "ssm.amazonaws.com"
    error_message = "hybrid_node_trust_policy: ${output.hybrid_node_trust_policy}"
  }
  assert {
    condition     = strcontains(output.join_command, "nodeadm init")
    error_message = "join_command: ${output.join_command}"
  }
  assert {
    condition     = yamldecode(output.kubeconfig).kind == "Config"
    error_message = "kubeconfig: ${output.kubeconfig}"
  }
  assert {
    condition     = output.max_pods == 20
    error_message = "max_pods: ${output.max_pods}"
  }
  assert {
    condition     = yamldecode(output.node_config).kind == "NodeConfig"
    error_message = "node_config: ${output.node_config}"
  }
  assert {
    condition     = strcontains(output.required_permissions.iam_policy, "ssm:CreateActivation")
    error_message = "required_permissions: ${output.required_permissions.iam_policy}"
  }
  assert {
    condition     = jsondecode(output.s3_gateway_policy).Version == "2012-10-17"
    error_message = "s3_gateway_policy: ${output.s3_gateway_policy}"
  }
  assert {
    condition     = strcontains(output.user_data, "MIME-Version")
    error_message = "user_data: ${output.user_data}"
  }
  assert {
    condition     = strcontains(jsonencode(output.vpc_endpoint_services), "com.amazonaws.us-west-2.eks")
    error_message = "vpc_endpoint_services: ${jsonencode(output.vpc_endpoint_services)}"
  }
}

run "in_another_region" {
  command = plan

  variables {
    region = "eu-central-1"
  }

  assert {
    condition     = strcontains(jsonencode(output.vpc_endpoint_services), "com.amazonaws.eu-central-1.eks")
    error_message = "vpc_endpoint_services: ${jsonencode(output.vpc_endpoint_services)}"
  }
}
