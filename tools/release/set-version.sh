#!/bin/sh
# Says the version of the packages wherever else a version is said: images, chart, compose.yaml, what new services begin with.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' chassis/package.json)

# edit <script> <file…>
edit() {
  script=$1
  shift
  for file; do
    sed "$script" "$file" >"$file.next"
    cat "$file.next" >"$file"
    rm "$file.next"
  done
}

template=tools/templates/service/services/workshop
edit "s/^ARG VERSION=.*/ARG VERSION=$version/" edge/Dockerfile services/*/Dockerfile deploy/docker/*.Dockerfile \
  $template/Dockerfile
edit "s|\(\"version\": \)\".*\"|\1\"$version\"|; s|\(\"@weft/[a-z]*\": \)\".*\"|\1\"$version\"|" $template/package.json
edit "/^variable \"VERSION\"/,/^}/s/default \( *\)= \".*\"/default \1= \"$version\"/" docker-bake.hcl
edit "s/^version: .*/version: $version/; s/^appVersion: .*/appVersion: $version/" deploy/helm/weft/Chart.yaml
edit "s/\${VERSION:-[^}]*}/\${VERSION:-$version}/" deploy/compose.yaml
