# NAME, or NAME@REGION if the region is not the provider's.
terraform import ekshybrid_outpost_cluster.plant plant
