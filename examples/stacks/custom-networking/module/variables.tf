variable "cluster_name" {
  description = "Name of the cluster, best as a reference to the resource that makes it."
  type        = string
}

variable "pod_subnet_ids" {
  description = "Subnets for pods by availability zone, one for each zone that has nodes."
  type        = map(string)

  validation {
    condition     = length(var.pod_subnet_ids) > 0
    error_message = "At least one zone needs a subnet for its pods."
  }
}

variable "security_group_ids" {
  description = "Security groups of the pods' network interfaces. Default: the cluster's security group."
  type        = set(string)
  default     = null
}

variable "prefix_delegation" {
  description = "Give interfaces /28 prefixes instead of single addresses."
  type        = bool
  default     = null
}

variable "external_snat" {
  description = "Leave the translation of addresses to a gateway outside of the node."
  type        = bool
  default     = null
}

variable "minimum_version" {
  description = "Oldest version of the VPC CNI that will do. Default: the oldest with custom networking as described."
  type        = string
  default     = null
}
