#!/bin/sh
# Brings a clone to where Node can run our tools (Node 24, dependencies, generated code, compiled code),
# then runs one of them: bootstrap.sh <tool> [argument…]. `prepare` stops there; `exec <command>` runs a
# command of node_modules under that Node and prepares nothing.
set -eu
cd "$(dirname "$0")/.."

node_version=24.21.0
weft=${WEFT_FOLDER:-.weft}
tool=$1
shift

fail() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

# Tenths of a second, where date knows them.
now() {
  case $(date +%N) in
    *[!0-9]* | '') echo "$(date +%s)0" ;;
    *) date +%s%N | cut -c1-11 ;;
  esac
}

# step <name> <command…>: runs it, says how long it took; when it fails, shows its last lines and ends.
step() {
  step_name=$1
  shift
  step_started=$(now)
  step_log=$weft/log/$(echo "$step_name" | tr ' ' '-').log
  [ ! -t 1 ] || printf '  … %s\r' "$step_name"
  if ! "$@" >"$step_log" 2>&1; then
    tail -n 25 "$step_log" >&2
    fail "✗ $step_name failed (all of its output: $step_log)"
  fi
  step_tenths=$(($(now) - step_started))
  printf '  ✓ %-24s %3d.%d s\n' "$step_name" $((step_tenths / 10)) $((step_tenths % 10))
}

need_node() {
  command -v node >/dev/null || fail 'Node.js 20 or newer is needed: https://nodejs.org/'
  command -v npm >/dev/null || fail 'npm is needed; it comes with Node.js'
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "Node.js 20 or newer is needed, and this is $(node -v)"
  [ "$major" -lt 24 ] || return 0
  package=$(node -p '`node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`')
  node_folder=$PWD/.weft/node/node_modules/$package/bin
  PATH=$node_folder:$PATH
  export PATH
  [ "$("$node_folder/node" -v 2>/dev/null)" = "v$node_version" ] ||
    step "Node $node_version" npm install --prefix .weft/node --no-save --ignore-scripts --no-audit --no-fund \
      "$package@$node_version"
}

# npm writes this file at the end of an installation.
need_dependencies() {
  [ node_modules/.package-lock.json -nt package-lock.json ] ||
    step 'npm ci' npm ci --ignore-scripts --no-audit --no-fund
}

generate() {
  node_modules/.bin/buf generate &&
    node_modules/.bin/buf build --as-file-descriptor-set -o proto/gen/descriptors.binpb \
      --path proto/shop --path proto/weft \
      --path node_modules/grpc-health-check/proto/health \
      --path node_modules/@grpc/reflection/build/proto/grpc \
      --path node_modules/google-proto-files/google/rpc/error_details.proto
}

need_generated_code() {
  [ "$tool" != generate ] && [ -f proto/gen/descriptors.binpb ] &&
    [ -z "$(find proto/shop proto/weft buf.yaml buf.gen.yaml package-lock.json -newer proto/gen/descriptors.binpb)" ] &&
    return
  step generate generate
}

# One tool at a time may start and end processes. The lock is held by this process, which Node becomes;
# a lock whose process is gone (its start time tells a recycled pid) is taken over.
start_time() {
  if [ -r "/proc/$1/stat" ]; then
    sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20
  else
    ps -o lstart= -p "$1" 2>/dev/null || true
  fi
}

take_lock() {
  attempts=0
  until mkdir "$weft/lock" 2>/dev/null; do
    attempts=$((attempts + 1))
    holder=$(cat "$weft/lock/owner" 2>/dev/null || true)
    pid=${holder%%/*}
    started=${holder#*/}
    started=${started%/*}
    if [ -z "$holder" ] && [ "$attempts" -lt 3 ]; then
      sleep 1 # whoever made it is about to write its name
    elif [ -n "$holder" ] && [ "$(start_time "$pid")" = "$started" ]; then
      fail "make ${holder##*/} is running (pid $pid): wait for it, or end it"
    elif mv "$weft/lock" "$weft/lock.$$" 2>/dev/null; then
      # Two may have found it stale: a lock that is not the one we looked at is given back.
      [ "$(cat "$weft/lock.$$/owner" 2>/dev/null || true)" = "$holder" ] || [ -e "$weft/lock" ] ||
        mv "$weft/lock.$$" "$weft/lock"
      rm -rf "$weft/lock.$$"
    fi
  done
  echo "$$/$(start_time $$)/$tool" >"$weft/lock/owner"
  trap 'rm -rf "$weft/lock"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

mkdir -p "$weft/log"
chmod 700 "$weft"
case $tool in up | compose-up | down | clean | new-service) take_lock ;; esac
need_node
PATH=$PWD/node_modules/.bin:$PATH
case $tool in
  exec) exec "$@" ;;
  up | compose-up | servers | prepare | generate | new-service)
    need_dependencies
    need_generated_code
    [ "$tool" = generate ] || step build node_modules/.bin/tsc -b
    ;;
  *)
    # The others look at what runs: they must work whatever state the sources are in.
    [ -f "tools/dist/$tool.js" ] || { need_dependencies && need_generated_code && step build node_modules/.bin/tsc -b; }
    ;;
esac
case $tool in
  prepare | generate) ;;
  *) exec node --enable-source-maps "tools/dist/$tool.js" "$@" ;;
esac
