terraform import ekshybrid_node.edge workshop/mi-0123456789abcdef0
