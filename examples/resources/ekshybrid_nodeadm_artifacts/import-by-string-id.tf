import {
  to = ekshybrid_nodeadm_artifacts.example
  id = "/srv/www/nodeadm"
}
