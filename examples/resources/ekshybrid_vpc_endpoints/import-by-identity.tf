import {
  to = ekshybrid_vpc_endpoints.example
  identity = {
    vpc_id = "vpc-0123456789abcdef0"
    region = "us-west-2"
  }
}
