# Writes the proxy where nodeadm looks for it, and where the services and the package manager read it. The variables are
# in the environment. Source: `internal/network/proxy_validator.go` of github.com/aws/eks-hybrid, v1.0.20.
set -eu
http=${HTTP_PROXY:-} https=${HTTPS_PROXY:-} direct=${NO_PROXY:-}
write() {
  mkdir -p "${1%/*}"
  cat >"$1"
  chmod 0644 "$1"
}

for file in \
  /etc/systemd/system/kubelet.service.d/http-proxy.conf \
  /usr/lib/systemd/system/containerd.service.d/http-proxy.conf \
  /etc/systemd/system/amazon-ssm-agent.service.d/http-proxy.conf \
  /etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service.d/http-proxy.conf; do
  {
    printf '[Service]\n'
    if [ -n "$http" ]; then printf 'Environment="HTTP_PROXY=%s"\n' "$http"; fi
    if [ -n "$https" ]; then printf 'Environment="HTTPS_PROXY=%s"\n' "$https"; fi
    if [ -n "$direct" ]; then printf 'Environment="NO_PROXY=%s"\n' "$direct"; fi
  } | write "$file"
done
systemctl daemon-reload

if [ -d /etc/apt/apt.conf.d ]; then
  {
    if [ -n "$http" ]; then printf 'Acquire::http::Proxy "%s";\n' "$http"; fi
    if [ -n "$https" ]; then printf 'Acquire::https::Proxy "%s";\n' "$https"; fi
  } | write /etc/apt/apt.conf.d/proxy.conf
fi
for file in /etc/dnf/dnf.conf /etc/yum.conf; do
  # One may be a link to the other.
  if [ -f "$file" ]; then
    if grep -q '^proxy=' "$file"; then
      sed -i "s|^proxy=.*|proxy=${http:-$https}|" "$file"
    else
      printf '\nproxy=%s\n' "${http:-$https}" >>"$file"
    fi
  fi
done
if command -v snap >/dev/null; then
  if [ -n "$http" ]; then snap set system proxy.http="$http"; fi
  if [ -n "$https" ]; then snap set system proxy.https="$https"; fi
fi
