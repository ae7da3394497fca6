terraform import ekshybrid_nodeadm_artifacts.example /srv/www/nodeadm
