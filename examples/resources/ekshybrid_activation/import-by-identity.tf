import {
  to = ekshybrid_activation.example
  identity = {
    id     = "01234567-89ab-cdef-0123-456789abcdef"
    region = "us-west-2"
  }
}
