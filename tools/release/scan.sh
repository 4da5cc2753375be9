#!/bin/sh
# Looks for known weaknesses in the images that `make images` left: fails where one that is high has a fix.
set -eu
cd "$(dirname "$0")/../.."
version=$(node -p 'require("./chassis/package.json").version')
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
for name in catalog identity ordering edge tools; do
  docker save --output "$folder/image.tar" "${REPOSITORY:-weft}/$name:$version"
  chmod 644 "$folder/image.tar"
  echo "$name"
  # Of the image's file alone: the scanner has no way to the engine.
  docker run --rm --volume "$folder:/images:ro" "${GRYPE_IMAGE:-anchore/grype:v0.92.2}" \
    docker-archive:/images/image.tar --fail-on high --only-fixed
done
