#!/bin/sh
# Removes the cluster of `make kind-up`, with all that is in it.
set -eu
cluster=${KIND_CLUSTER:-weft}
command -v kind >/dev/null || { echo 'kind is missing' >&2; exit 1; }
kind delete cluster --name "$cluster"
