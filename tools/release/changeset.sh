#!/bin/sh
# changeset.sh <command…>: the changesets tool, at the version of its own lockfile.
set -eu
cd "$(dirname "$0")/../.."
npm ci --prefix tools/release --ignore-scripts --no-audit --no-fund --silent
exec tools/release/node_modules/.bin/changeset "$@"
