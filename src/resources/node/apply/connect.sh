# Whether this host has the network that a node needs. Changes nothing. Prints one NAME=VALUE a line.
say() { printf '%s=%s\n' "$1" "$2"; }

interface=$(ip -o -4 route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
if [ -r "/sys/class/net/$interface/mtu" ]; then say mtu "$interface $(cat "/sys/class/net/$interface/mtu")"; fi

# Any answer will do, so the status of HTTP is of no interest. The API server's authority is not on the host yet.
reach() {
  name=$1 url=$2
  shift 2
  said=$(curl --silent --show-error --output /dev/null --connect-timeout 10 --max-time 20 "$@" "$url" 2>&1)
  say "$name" "$? $(printf '%s' "$said" | tr '\n' ' ')"
}
if command -v curl >/dev/null 2>&1; then
  if [ -n "$API" ]; then reach api "$API" --insecure; fi
  reach credentials "$CREDENTIALS"
fi

# Ports that a firewall of the host keeps closed. A rule without a port allows all of them.
closed() {
  for port in 10250/tcp 8472/udp 4789/udp; do
    "$1" "$port" || say closed "$port"
  done
}
by_ufw() { printf '%s\n' "$rules" | grep ALLOW | grep -Eq "^(Anywhere|${1%/*}(/${1#*/})?) "; }
by_firewalld() { firewall-cmd --quiet --query-port="$1"; }
if rules=$(ufw status 2>/dev/null) && [ "${rules%%
*}" = "Status: active" ]; then
  say firewall ufw
  closed by_ufw
elif firewall-cmd --quiet --state 2>/dev/null; then
  say firewall firewalld
  closed by_firewalld
fi
exit 0
