# Used by every case without a provider block. The placeholders are replaced with the values of the case's account.
provider "ekshybrid" {
  region     = "@{region}"
  access_key = "@{access_key}"
  secret_key = "@{secret_key}"

  endpoints = {
    ec2   = "@{endpoint}"
    eks   = "@{endpoint}"
    elbv2 = "@{endpoint}"
    iam   = "@{endpoint}"
    ssm   = "@{endpoint}"
    sts   = "@{endpoint}"
  }
}
