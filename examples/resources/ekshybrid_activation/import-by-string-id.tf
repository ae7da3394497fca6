import {
  to = ekshybrid_activation.example
  id = "01234567-89ab-cdef-0123-456789abcdef"
}
