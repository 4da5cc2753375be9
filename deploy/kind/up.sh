#!/bin/sh
# A kind cluster with the shop on it: images, cluster, chart, a real order, and how to reach it. Run again, it
# upgrades. It needs Docker and kubectl; kind and helm are
# compiled at pinned versions, as `make tools` does.
set -eu
cd "$(dirname "$0")/../.."
for program in docker kubectl; do
  command -v "$program" >/dev/null || { echo "$program is missing, and a kind cluster needs it" >&2; exit 1; }
done
docker info >/dev/null 2>&1 || { echo 'no Docker engine answers' >&2; exit 1; }
version=$(node -p 'require("./chassis/package.json").version')
cluster=${KIND_CLUSTER:-weft}
kind=${WEFT_TOOLS:-$PWD/.weft/tools/bin}/kind
kubeconfig=$PWD/${WEFT_FOLDER:-.weft}/kubeconfig
case ${WEFT_FOLDER:-} in /*) kubeconfig=$WEFT_FOLDER/kubeconfig ;; esac

sh deploy/docker/images.sh
if ! "$kind" get clusters 2>/dev/null | grep -qx "$cluster"; then
  "$kind" create cluster --name "$cluster" --config deploy/kind/cluster.yaml --kubeconfig "$kubeconfig" --wait 180s
fi
"$kind" export kubeconfig --name "$cluster" --kubeconfig "$kubeconfig"
for name in catalog identity ordering edge tools; do
  "$kind" load docker-image "weft/$name:$version" --name "$cluster"
done
KUBECONFIG=$kubeconfig sh deploy/kind/install.sh
