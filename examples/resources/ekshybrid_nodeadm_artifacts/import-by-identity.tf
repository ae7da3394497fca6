import {
  to = ekshybrid_nodeadm_artifacts.example
  identity = {
    destination = "/srv/www/nodeadm"
  }
}
