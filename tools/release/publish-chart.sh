#!/bin/sh
# Packs the chart and pushes it to CHARTS, oci://host/path.
set -eu
cd "$(dirname "$0")/../.."
case ${CHARTS:-} in
  oci://*) ;;
  *) echo 'CHARTS is to say where to: oci://host/path' >&2; exit 2 ;;
esac
helm=${WEFT_TOOLS:-$PWD/.weft/tools/bin}/helm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$helm" package deploy/helm/weft --destination "$folder"
"$helm" push "$folder"/weft-*.tgz "$CHARTS"
