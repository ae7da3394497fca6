terraform import ekshybrid_image_mirror.cilium registry.example.com/mirror
