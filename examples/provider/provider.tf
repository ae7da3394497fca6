terraform {
  required_providers {
    ekshybrid = {
      source = "ekshybrid/ekshybrid"
    }
  }
}

# Credentials come from the environment, a profile or the machine, as with the AWS provider.
provider "ekshybrid" {
  region       = "us-west-2"
  cluster_name = "plant"

  allowed_account_ids = ["123456789012"]

  default_tags = {
    tags = {
      Team = "platform"
    }
  }
}
