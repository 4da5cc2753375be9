#!/bin/sh
# The next version, from what .changeset has: in every package.json, the lockfile, the images and the chart.
set -eu
cd "$(dirname "$0")/../.."
sh tools/release/changeset.sh version
npm install --package-lock-only --ignore-scripts --no-audit --no-fund
sh tools/release/set-version.sh
