terraform import ekshybrid_vpc_cni.example workshop
terraform import ekshybrid_vpc_cni.elsewhere workshop@eu-central-1
