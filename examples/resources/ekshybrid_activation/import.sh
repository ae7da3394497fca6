terraform import ekshybrid_activation.example 01234567-89ab-cdef-0123-456789abcdef
terraform import ekshybrid_activation.elsewhere 01234567-89ab-cdef-0123-456789abcdef@eu-central-1
