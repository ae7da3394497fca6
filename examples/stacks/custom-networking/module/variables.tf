variable "cluster_name" {
  description = "Name of the cluster."
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
  description = "Assign /28 prefixes to interfaces instead of single addresses."
  type        = bool
  default     = null
}

variable "external_snat" {
  description = "Disable SNAT on nodes; use it when a NAT gateway or an on-premises router translates."
  type        = bool
  default     = null
}

variable "minimum_version" {
  description = "Oldest version of the VPC CNI to accept. Default: the oldest that supports custom networking."
  type        = string
  default     = null
}
