#!/bin/sh
# Builds the images of docker-bake.hcl and pushes them to $REPOSITORY, each with an SBOM and its provenance.
set -eu
cd "$(dirname "$0")/../.."
case ${REPOSITORY:-} in
  */*) ;;
  *) echo 'REPOSITORY is to say where to: host/path' >&2; exit 2 ;;
esac
VERSION=$(node -p 'require("./chassis/package.json").version')
REVISION=$(git rev-parse HEAD)
export REPOSITORY VERSION REVISION
exec docker buildx bake --push --sbom=true --provenance=mode=max
