variable "vpc_cidr" {
  type    = string
  default = "10.0.0.0/16"
}

variable "pod_cidrs" {
  type    = list(string)
  default = ["10.85.0.0/16"]

  validation {
    condition     = !provider::ekshybrid::cidrs_overlap(var.vpc_cidr, var.pod_cidrs)
    error_message = "Pods of hybrid nodes need ranges outside of the VPC."
  }
}
