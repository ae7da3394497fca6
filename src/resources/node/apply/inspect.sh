# Prints what is known of this host, one NAME=VALUE a line. Changes nothing.
say() { printf '%s=%s\n' "$1" "$2"; }
release() { sed -n "s/^$1=[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\}\$/\1/p" /etc/os-release 2>/dev/null | head -n 1; }
member() { sed -n "s/.*\"$2\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$1" 2>/dev/null | head -n 1; }
have() { command -v "$1" >/dev/null 2>&1; }

say os "$(release ID)"
say os_version "$(release VERSION_ID)"
say os_name "$(release PRETTY_NAME)"
say machine "$(uname -m)"
say host_name "$(uname -n)"
say time "$(date +%s)"
say memory_kib "$(sed -n 's/^MemTotal: *\([0-9]*\) .*/\1/p' /proc/meminfo)"
say disk_kib "$(df -Pk /usr/local | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
if have systemctl; then say systemd yes; fi
if have curl; then say curl yes; fi
for address in $(ip -o -4 address show 2>/dev/null | sed -n 's/.* inet \([0-9.]*\).*/\1/p'); do
  say address "$address"
done

nodeadm=/usr/local/bin/nodeadm
if [ -x "$nodeadm" ]; then
  say nodeadm "$("$nodeadm" --version 2>/dev/null | sed -n 's/^Version: *//p')"
  say nodeadm_sha256 "$(sha256sum "$nodeadm" | cut -d ' ' -f 1)"
fi
if [ -s /opt/nodeadm/tracker ]; then
  say installed yes
  say installed_version "$(member /opt/nodeadm/tracker Version)"
fi
if [ -x /usr/bin/kubelet ]; then say kubelet_version "$(/usr/bin/kubelet --version 2>/dev/null | sed -n 's/^Kubernetes //p')"; fi
if [ -s /var/lib/kubelet/kubeconfig ]; then say kubeconfig yes; fi
say kubelet "$(systemctl is-active kubelet 2>/dev/null)"
registration=/var/lib/amazon/ssm/registration
if [ -s "$registration" ]; then
  say registration "$(member "$registration" ManagedInstanceID)"
  say registration_region "$(member "$registration" Region)"
fi
if [ -s /var/lib/ekshybrid/join ]; then say join "$(head -n 1 /var/lib/ekshybrid/join)"; fi
exit 0
