# Downloads nodeadm to its place. Standard input: the URL, with {architecture} in it, and its SHA-256 or nothing.
# A program is run only after its checksum has been compared, and replaces another one only then.
set -eu
nodeadm=/usr/local/bin/nodeadm
IFS= read -r source
IFS= read -r expected || true
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

case $(uname -m) in
  x86_64 | amd64) architecture=amd64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) fail "there is no nodeadm for the architecture $(uname -m)" ;;
esac
source=$(printf '%s' "$source" | sed "s/{architecture}/$architecture/g")
command -v curl >/dev/null || fail "curl is missing; it is needed to download nodeadm"

mkdir -p "${nodeadm%/*}"
# Beside its place, so that the last step is a rename.
file=$(mktemp "$nodeadm.XXXXXX")
trap 'rm -f "$file" "$file.sha256"' EXIT
trap 'exit 143' HUP INT TERM

# Prints the HTTP status; the URL stays out of the list of processes.
fetch() {
  printf 'url = "%s"\n' "$1" | curl --config - --globoff --fail --silent --show-error --location \
    --proto '=https,http,file' --proto-redir '=https' --connect-timeout 15 --max-time 900 \
    --retry 4 --retry-connrefused --output "$2" --write-out '%{http_code}'
}

fetch "$source" "$file" >/dev/null || fail "nodeadm could not be downloaded (see the line above)"
if [ -z "$expected" ]; then
  code=0
  status=$(fetch "$source.sha256" "$file.sha256" 2>/dev/null) || code=$?
  if [ "$code" = 0 ]; then
    expected=$(cut -d ' ' -f 1 "$file.sha256" | head -n 1)
  elif [ "$code" != 37 ] && [ "$status" != 403 ] && [ "$status" != 404 ]; then
    fail "the checksum of nodeadm could not be downloaded (curl $code, HTTP $status)"
  fi
fi
if [ -n "$expected" ]; then
  found=$(sha256sum "$file" | cut -d ' ' -f 1)
  [ "$found" = "$expected" ] || fail "nodeadm has the SHA-256 $found, not $expected; it was not run"
fi
chmod 0755 "$file"
"$file" --version >/dev/null || fail "nodeadm does not run on this host"
mv -f "$file" "$nodeadm"
# It goes with the node.
mkdir -p /var/lib/ekshybrid
: >/var/lib/ekshybrid/nodeadm
