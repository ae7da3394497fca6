import {
  to = ekshybrid_managed_instance.example
  id = "mi-0123456789abcdef0"
}
