module ekshybrid/tools/hosts/pause

go 1.26.0
