#!/bin/sh
# Removes the cluster of `make kind-up`, with all that is in it.
set -eu
cd "$(dirname "$0")/../.."
cluster=${KIND_CLUSTER:-weft}
"${WEFT_TOOLS:-$PWD/.weft/tools/bin}/kind" delete cluster --name "$cluster"
