import {
  to = ekshybrid_node.edge
  id = "workshop/mi-0123456789abcdef0@us-west-2"
}
