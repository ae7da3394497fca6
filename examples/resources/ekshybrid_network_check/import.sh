terraform import ekshybrid_network_check.all 'workshop/*'
