# Used by every case whose configuration has no provider block. The places are filled in from the case's account.
provider "ekshybrid" {
  region     = "@{region}"
  access_key = "@{access_key}"
  secret_key = "@{secret_key}"

  endpoints = {
    ec2 = "@{endpoint}"
    eks = "@{endpoint}"
    iam = "@{endpoint}"
    ssm = "@{endpoint}"
    sts = "@{endpoint}"
  }
}
