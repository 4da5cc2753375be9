#!/bin/sh
# Installs the chart on the cluster that KUBECONFIG names, or upgrades it, waits, places a real order (`helm test`) and
# says how to reach the shop. VALUES names files for --values (values-dev.yaml); NAMESPACE is `weft`.
set -eu
cd "$(dirname "$0")/../.."
helm=${WEFT_TOOLS:-$PWD/.weft/tools/bin}/helm
namespace=${NAMESPACE:-weft}
command -v kubectl >/dev/null || { echo 'kubectl is missing' >&2; exit 1; }

kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
# The cluster itself refuses a pod that asks for more than the chart means to.
kubectl label namespace "$namespace" --overwrite pod-security.kubernetes.io/enforce=restricted
set --
for file in ${VALUES:-deploy/helm/weft/values-dev.yaml}; do
  set -- "$@" --values "$file"
done
"$helm" upgrade weft deploy/helm/weft --install --namespace "$namespace" "$@" --wait --wait-for-jobs --timeout 10m || {
  kubectl --namespace "$namespace" get pods,jobs
  exit 1
}
"$helm" test weft --namespace "$namespace" --logs
"$helm" get notes weft --namespace "$namespace"
