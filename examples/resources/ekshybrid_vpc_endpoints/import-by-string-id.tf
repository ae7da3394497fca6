import {
  to = ekshybrid_vpc_endpoints.example
  id = "vpc-0123456789abcdef0"
}
