#!/bin/sh
# Installs the lockfile into a clean clone, where nothing that happens to be here can help it. Skipped
# when this lockfile passed before, or is the same in the commit before.
set -eu
cd "$(dirname "$0")/.."

manifests='package-lock.json package.json :(glob)**/package.json'
passed=node_modules/.weft-lockfile-passed
# shellcheck disable=SC2086 # a list of paths
state=$(git ls-files -z -- $manifests | xargs -0 cat | git hash-object --stdin)

if [ "$(cat "$passed" 2>/dev/null)" = "$state" ]; then
  echo 'lockfile: passed before'
  exit
fi
# shellcheck disable=SC2086
if git rev-parse --quiet --verify HEAD~1 >/dev/null && git diff --quiet HEAD~1 -- $manifests; then
  echo 'lockfile: unchanged'
  exit
fi
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
trap 'exit 130' INT TERM
git clone --quiet --no-hardlinks . "$clone/weft"
# shellcheck disable=SC2086
git ls-files -z -- $manifests | xargs -0 tar -cf - | tar -xf - -C "$clone/weft"
echo 'lockfile: npm ci in a clean clone'
(cd "$clone/weft" && npm ci --ignore-scripts --no-audit --no-fund)
echo "$state" >"$passed"
