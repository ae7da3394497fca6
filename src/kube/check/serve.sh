# Serves a small file and one that no packet holds. Needs a shell and busybox's httpd.
cd "$(mktemp -d)" || exit 1
echo "$RUN" >small
{ echo "$RUN"; dd if=/dev/zero bs=1024 count=16 2>/dev/null | tr '\000' x; } >large
exec httpd -f -p 8080 -h .
