terraform {
  required_version = ">= 1.8"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }

    ekshybrid = {
      source  = "ekshybrid/ekshybrid"
      version = ">= 0.1"
    }
  }
}
