# Asks every address that it is given, and leaves the answers as the container's termination message. Needs a shell and
# busybox's wget, nslookup and timeout.
#
# The message has one line per kind of question, KEY=LETTERS, with one letter per address in the order of the arguments:
# o it answered, t nothing came in time, r refused, u unreachable, m only small answers come, w somebody else answered,
# n no such name, x something else (then a line e= says what), - not asked.
cd "$(mktemp -d)" || exit 1

fetch() {
  timeout "$WAIT" wget -q -O "$1" "$2" 2>"$1.err"
}

verdict() {
  case $(cat "$1") in
    '' | *'timed out'*) echo t ;;
    *refused*) echo r ;;
    *nreachable* | *'o route'*) echo u ;;
    *'bad address'*) echo n ;;
    *) echo x ;;
  esac
}

# Asks one server of this check.
ask() {
  tries=0 is=t
  # A service's rules reach a node some seconds after its pods have started.
  while [ "$is" != o ] && [ "$tries" -lt "$ATTEMPTS" ]; do
    [ "$tries" = 0 ] || sleep 2
    tries=$((tries + 1))
    if fetch "$1" "$2/large"; then
      if [ "$(head -n 1 "$1")" = "$RUN" ]; then is=o; else is=w; fi
    else
      is=$(verdict "$1.err")
      # Where the MTU is wrong, a handshake passes and a full packet does not.
      if [ "$is" = t ] && fetch "$1" "$2/small"; then is=m; fi
    fi
  done
  printf %s "$is" >"$1.is"
}

# Asks all servers of a list, some at a time.
all() {
  i=0
  for server in $2; do
    i=$((i + 1))
    if [ "$server" != - ]; then ask "$1$i" "http://$server" & fi
    [ $((i % 32)) != 0 ] || wait
  done
  wait
  j=0 letters=
  for server in $2; do
    j=$((j + 1))
    # A question that has ended without an answer, for lack of memory say, is no success.
    if [ "$server" = - ]; then letters=$letters-; else letters=$letters$(cat "$1$j.is" 2>/dev/null || printf x); fi
  done
  echo "$1=$letters"
}

# The name of the API server, by the domain that the pod searches.
name() {
  domain=$(sed -n 's/^search .*[^ ]*svc\.\([^ ]*\).*/\1/p' /etc/resolv.conf | head -n 1)
  tries=0 is=t
  while [ "$is" != o ] && [ "$tries" -lt "$ATTEMPTS" ]; do
    tries=$((tries + 1))
    timeout "$WAIT" nslookup "kubernetes.default.svc.${domain:-cluster.local}." >dns.err 2>&1
    if grep -qwF "$KUBERNETES_SERVICE_HOST" dns.err; then
      is=o
    else
      case $(cat dns.err) in
        *NXDOMAIN* | *"an't find"*) is=n ;;
        *refused*) is=r ;;
        *nreachable*) is=u ;;
        *) is=t ;;
      esac
    fi
  done
  echo "d=$is"
}

# The API server answers a request without TLS with an error: that it answers is enough.
api() {
  tries=0 is=t
  while [ "$is" != o ] && [ "$tries" -lt "$ATTEMPTS" ]; do
    tries=$((tries + 1))
    if fetch api "http://$API/"; then is=o; else is=$(verdict api.err); fi
    if [ "$is" = x ]; then is=o; fi
  done
  echo "a=$is"
}

case $KUBERNETES_SERVICE_HOST in
  *:*) API=[$KUBERNETES_SERVICE_HOST]:$KUBERNETES_SERVICE_PORT ;;
  *) API=$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT ;;
esac
all p "$PODS" >p &
all n "$NODE_PORTS" >n &
all s "$SERVICE" >s &
name >d &
api >a &
wait
{
  cat p n s d a
  for file in *.is; do
    if [ "$(cat "$file")" = x ]; then
      echo "e=$(head -c 300 "${file%.is}.err" | tr '\n' ' ')"
      break
    fi
  done
} >"${MESSAGE:-/dev/termination-log}"
