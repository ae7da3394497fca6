# From here on the script is the same for every host; the settings are above.

node_config=/etc/nodeadm/nodeConfig.yaml
init_log=/etc/nodeadm/init.log
nodeadm=/usr/local/bin/nodeadm
kubectl=/usr/local/bin/kubectl
tracker=/opt/nodeadm/tracker
kubeconfig=/var/lib/kubelet/kubeconfig
registration=/var/lib/amazon/ssm/registration
cloud_init=/var/lib/cloud
next_boot=/var/lib/cloud/scripts/per-boot/ekshybrid-join

say() {
  printf '%s ekshybrid: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*"
}

fail() {
  say "error: $*" >&2
  exit 1
}

# What a command returns when no repeat can help.
final=10

# Runs a command up to three times: package managers are often locked in the first minutes of a host.
thrice() {
  local attempt pause=15 status
  for attempt in 1 2 3; do
    status=0
    "$@" || status=$?
    if [[ $status == 0 || $status == "$final" ]]; then
      return "$status"
    fi
    if [[ $attempt -lt 3 ]]; then
      say "that failed, next try in $pause s"
      sleep "$pause"
      pause=$((pause * 4))
    fi
  done
  return 1
}

# Downloads $1 to the file $2, trying for some minutes: a host may boot before its routes and name servers work.
# Returns 4 when the file is not there, 1 after the last try. The URL stays out of the list of processes.
fetch() {
  local attempt pause=2 status code
  for attempt in 1 2 3 4 5 6 7 8; do
    code=0
    status=$(printf 'url = "%s"\n' "$1" | curl --config - --globoff --fail --silent --show-error --location \
      --proto '=https,http,file' --proto-redir '=https' --connect-timeout 15 --max-time 900 \
      --output "$2" --write-out '%{http_code}') || code=$?
    if [[ $code == 0 ]]; then
      return 0
    fi
    # 37: curl cannot read the local file. S3 answers 403 for what is not there.
    if [[ $code == 37 || $status == 403 || $status == 404 ]]; then
      return 4
    fi
    if [[ $attempt -lt 8 ]]; then
      say "download failed (curl $code, HTTP $status), next try in $pause s or a little more"
      sleep $((pause + RANDOM % pause))
      pause=$((pause * 2))
    fi
  done
  return 1
}

has_checksum() {
  printf '%s  %s\n' "$2" "$1" | sha256sum --check --status
}

# Puts nodeadm in place, unless it is there: an image may bring it, and so may an earlier try.
provide_nodeadm() {
  if [[ -x $nodeadm ]] && { [[ -z $nodeadm_sha256 ]] || has_checksum "$nodeadm" "$nodeadm_sha256"; }; then
    say "nodeadm is already there: $nodeadm"
    return 0
  fi

  local machine source=$nodeadm_source expected=$nodeadm_sha256 code=0
  machine=$(uname -m)
  if [[ -z $architecture ]]; then
    case $machine in
      x86_64 | amd64) architecture=amd64 ;;
      aarch64 | arm64) architecture=arm64 ;;
      *) fail "there is no nodeadm for the architecture $machine" ;;
    esac
  fi
  source=${source//'{architecture}'/$architecture}
  command -v curl >/dev/null || fail "curl is missing; it is needed to download nodeadm"

  mkdir -p "${nodeadm%/*}"
  # Beside its place, so that the last step is a rename and a half download is never run. Global for the trap.
  file=$(mktemp "$nodeadm.XXXXXX")
  trap 'rm -f "$file" "$file.sha256"' EXIT

  say "downloading nodeadm for $architecture"
  fetch "$source" "$file" || code=$?
  if [[ $code == 4 ]]; then
    fail "there is no nodeadm at its source"
  elif [[ $code != 0 ]]; then
    fail "nodeadm could not be downloaded"
  fi

  if [[ -z $expected ]]; then
    fetch "$source.sha256" "$file.sha256" || code=$?
    if [[ $code == 0 ]]; then
      read -r expected _ <"$file.sha256" || true
      [[ $expected =~ ^[0-9a-f]{64}$ ]] || fail "the checksum published beside nodeadm is not a SHA-256"
    elif [[ $code == 4 ]]; then
      say "no checksum is published beside nodeadm; relying on the connection alone"
    else
      fail "the checksum of nodeadm could not be downloaded"
    fi
  fi
  if [[ -n $expected ]]; then
    has_checksum "$file" "$expected" || fail "nodeadm does not have the SHA-256 $expected; it was not run"
  fi

  chmod 0755 "$file"
  "$file" --version || fail "nodeadm does not run on this machine ($machine)"
  mv -f "$file" "$nodeadm"
  rm -f "$file.sha256"
}

# Writes standard input to a file that everyone may read.
write_public() {
  mkdir -p "${1%/*}"
  cat >"$1"
  chmod 0644 "$1"
}

# nodeadm, the package manager, and the services that it starts each read the proxy from their own place, and nodeadm
# refuses to join a host where one of them is missing.
configure_proxy() {
  if [[ -z $http_proxy_url && -z $https_proxy_url ]]; then
    return 0
  fi
  say "configuring the proxy"
  export HTTP_PROXY=$http_proxy_url HTTPS_PROXY=$https_proxy_url NO_PROXY=$no_proxy_hosts
  export http_proxy=$http_proxy_url https_proxy=$https_proxy_url no_proxy=$no_proxy_hosts

  local file
  for file in \
    /etc/systemd/system/kubelet.service.d/http-proxy.conf \
    /usr/lib/systemd/system/containerd.service.d/http-proxy.conf \
    /etc/systemd/system/amazon-ssm-agent.service.d/http-proxy.conf \
    /etc/systemd/system/snap.amazon-ssm-agent.amazon-ssm-agent.service.d/http-proxy.conf; do
    printf '[Service]\nEnvironment="HTTP_PROXY=%s"\nEnvironment="HTTPS_PROXY=%s"\nEnvironment="NO_PROXY=%s"\n' \
      "$http_proxy_url" "$https_proxy_url" "$no_proxy_hosts" | write_public "$file"
  done
  systemctl daemon-reload

  if [[ -d /etc/apt/apt.conf.d ]]; then
    {
      if [[ -n $http_proxy_url ]]; then printf 'Acquire::http::Proxy "%s";\n' "$http_proxy_url"; fi
      if [[ -n $https_proxy_url ]]; then printf 'Acquire::https::Proxy "%s";\n' "$https_proxy_url"; fi
    } | write_public /etc/apt/apt.conf.d/proxy.conf
  fi
  for file in /etc/dnf/dnf.conf /etc/yum.conf; do
    # One may be a link to the other.
    if [[ -f $file ]] && ! grep -q '^proxy=' "$file"; then
      printf '\nproxy=%s\n' "${http_proxy_url:-$https_proxy_url}" >>"$file"
    fi
  done
  if command -v snap >/dev/null; then
    if [[ -n $http_proxy_url ]]; then snap set system proxy.http="$http_proxy_url"; fi
    if [[ -n $https_proxy_url ]]; then snap set system proxy.https="$https_proxy_url"; fi
  fi
}

# A value of the JSON file that the SSM agent keeps about itself.
registered() {
  if [[ -s $registration ]]; then
    sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' "$registration"
  fi
}

# nodeadm does not register a host twice: it goes on with the old registration and says nothing.
check_registration() {
  local instance registered_region
  instance=$(registered ManagedInstanceID)
  registered_region=$(registered Region)
  if [[ $credential_provider != ssm || -z $instance ]]; then
    return 0
  fi
  if [[ -n $registered_region && $registered_region != "$cluster_region" ]]; then
    fail "this host is registered with Systems Manager as $instance in $registered_region, but the cluster is in" \
      "$cluster_region; run nodeadm uninstall first"
  fi
  say "this host is already registered as $instance; the activation in its NodeConfig is not used"
}

is_joined() {
  [[ -s $tracker && -s $kubeconfig ]] && systemctl is-active --quiet kubelet
}

# Passes lines on without the activation code, which nodeadm writes in clear when a registration fails. The code is in no
# argument here either: other users of the host can read the list of processes.
redacted() {
  local line code
  code=$(sed -n "s/^ *activationCode: *[\"']\{0,1\}\([^\"']*\)[\"']\{0,1\} *$/\1/p" "$node_config")
  while IFS= read -r line || [[ -n $line ]]; do
    if [[ -n $code ]]; then line=${line//"$code"/[redacted]}; fi
    printf '%s\n' "$line"
  done | sed -u -E 's/(-code[ =])[^][ "]+/\1[redacted]/g'
}

# Joins the cluster once. Systems Manager refuses an activation for good: used up, expired, of another region.
init() {
  local status=0
  "$nodeadm" init --config-source "file://$node_config" "${init_options[@]}" 2>&1 | redacted | tee "$init_log" ||
    status=$?
  if [[ $status != 0 ]] && grep -Eq 'invalid SSM activation|SSM activation expired' "$init_log"; then
    return "$final"
  fi
  return "$status"
}

# Waits until the API server knows the node. Readiness comes later, with a CNI.
await_node() {
  local attempt name=$node_name
  if [[ $credential_provider == ssm ]]; then
    name=$(registered ManagedInstanceID)
  fi
  for attempt in {1..30}; do
    if "$kubectl" --kubeconfig "$kubeconfig" --request-timeout 10s get node "$name" --output name; then
      say "joined as node $name"
      return 0
    fi
    sleep 10
  done
  fail "the kubelet runs, but the cluster has no node $name after 10 minutes; check the access entry of the node's role" \
    "and the kubelet's log (journalctl -u kubelet)"
}

main() {
  local code=0
  # A join that failed is tried again at the next boot; one that succeeded never is.
  if [[ -d $cloud_init && -f $0 && ! $0 -ef $next_boot ]]; then
    install -D --mode 0700 -- "$0" "$next_boot"
  fi

  [[ -s $node_config ]] || fail "$node_config is missing or empty"
  chmod 0700 "${node_config%/*}"
  chmod 0600 "$node_config"

  configure_proxy
  if is_joined; then
    say "the kubelet already runs"
  else
    provide_nodeadm
    check_registration
    if [[ -s $tracker ]]; then
      say "the components are already installed"
    else
      say "installing Kubernetes $kubernetes_version"
      thrice "$nodeadm" install "$kubernetes_version" --credential-provider "$credential_provider" \
        "${install_options[@]}" || fail "nodeadm install failed"
      [[ -s $tracker ]] || fail "nodeadm install reported success, but left no $tracker"
    fi
    say "joining the cluster"
    thrice init || code=$?
    if [[ $code == "$final" ]]; then
      # The next boot would have the same activation.
      rm -f -- "$next_boot"
      fail "Systems Manager refuses the activation in $node_config: it has expired, is used up, or is of another region;" \
        "this host does not try again, give it user data with a new activation"
    elif [[ $code != 0 ]]; then
      fail "nodeadm init failed"
    fi
    # nodeadm reports success even where it did nothing.
    [[ -s $kubeconfig ]] || fail "nodeadm init reported success, but left no $kubeconfig"
    systemctl is-active --quiet kubelet || fail "nodeadm init reported success, but the kubelet does not run"
  fi
  if [[ $credential_provider == ssm && -z $(registered ManagedInstanceID) ]]; then
    fail "nodeadm init reported success, but the host is not registered with Systems Manager"
  fi
  await_node
  rm -f -- "$next_boot"
}

main
