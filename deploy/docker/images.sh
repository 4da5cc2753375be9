#!/bin/sh
# Builds the images of docker-bake.hcl: images.sh [name…]. With Docker's buildx, or Docker alone, where an engine
# answers; else, as root on Linux, with BuildKit by itself (compiled from its Go module, over Debian's runc), on
# base images made here. They are then in .weft/images/<name>.tar, as OCI archives.
set -eu
cd "$(dirname "$0")/../.."
listed=$(sed -n 's/^.*{ name = "\(.*\)", dockerfile = "\(.*\)" }.*$/\1 \2/p' docker-bake.hcl)
names=${*:-$(echo "$listed" | cut -d' ' -f1)}
REVISION=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
VERSION=${VERSION:-$(node -p 'require("./package-lock.json").packages.chassis.version')}
repository=${REPOSITORY:-weft}
export REVISION VERSION

dockerfile() {
  echo "$listed" | sed -n "s/^$1 //p"
}

if docker info >/dev/null 2>&1; then
  if docker buildx version >/dev/null 2>&1; then
    # shellcheck disable=SC2086 # a list
    exec docker buildx bake --load $names
  fi
  for name in $names; do
    DOCKER_BUILDKIT=1 docker build -f "$(dockerfile "$name")" -t "$repository/$name:$VERSION" \
      --build-arg VERSION="$VERSION" --build-arg REVISION="$REVISION" \
      ${BUILD_IMAGE:+--build-arg BUILD_IMAGE="$BUILD_IMAGE"} ${NODE_IMAGE:+--build-arg NODE_IMAGE="$NODE_IMAGE"} .
  done
  exit
fi

command -v runc >/dev/null || { echo 'no Docker engine answers, and BuildKit by itself needs runc: apt-get install runc' >&2; exit 1; }
sh tools/go/build.sh buildkit
weft=$(realpath -m "${WEFT_FOLDER:-.weft}")
bin=${WEFT_TOOLS:-$PWD/.weft/tools/bin}
base=$weft/images/base
[ -f "$base/run.digest" ] || sh deploy/docker/base-images.sh "$base"
socket=unix://$weft/images/buildkitd.sock
"$bin/buildkitd" --root "$weft/images/buildkit" --addr "$socket" --containerd-worker=false \
  --oci-worker-net=host >"$weft/images/buildkitd.log" 2>&1 &
daemon=$!
trap 'kill $daemon; wait $daemon || true' EXIT
trap 'exit 130' INT TERM
until "$bin/buildctl" --addr "$socket" debug workers >/dev/null 2>&1; do
  kill -0 $daemon || { tail -n 5 "$weft/images/buildkitd.log" >&2; exit 1; }
  sleep 0.2
done
for name in $names; do
  # The base images stand in for those that the Dockerfiles name.
  "$bin/buildctl" --addr "$socket" build --frontend dockerfile.v0 --local context=. --local dockerfile=. \
    --opt filename="$(dockerfile "$name")" --opt build-arg:VERSION="$VERSION" --opt build-arg:REVISION="$REVISION" \
    --oci-layout base-build="$base/build" --oci-layout base-run="$base/run" \
    --opt build-arg:BUILD_IMAGE=base-build --opt build-arg:NODE_IMAGE=base-run \
    --opt context:base-build="oci-layout://base-build@$(cat "$base/build.digest")" \
    --opt context:base-run="oci-layout://base-run@$(cat "$base/run.digest")" \
    --output "type=oci,dest=$weft/images/$name.tar,name=$repository/$name:$VERSION"
done
