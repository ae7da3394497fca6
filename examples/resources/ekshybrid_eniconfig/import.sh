terraform import ekshybrid_eniconfig.example workshop/us-west-2a
terraform import ekshybrid_eniconfig.elsewhere workshop/eu-central-1a@eu-central-1
