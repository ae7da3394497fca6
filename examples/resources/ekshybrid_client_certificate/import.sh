# Only the apply that issues a certificate has it, so an import fails and says so.
terraform import ekshybrid_client_certificate.operators plant/plant-operators
