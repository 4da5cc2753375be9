#!/bin/sh
# Installs programs written in Go at the versions that tools/go/<name>/go.mod pins: build.sh <name…>. They come
# from the Go module proxy and are compiled here, into .weft/tools/bin; what is there in that version stays. The
# definitions that a file `crds` names, of module@version and path, are copied into .weft/tools/bin/crds.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
bin=${WEFT_TOOLS:-$root/.weft/tools/bin}
PATH=$PATH:/usr/local/go/bin
mkdir -p "$bin"

for name; do
  module=$root/tools/go/$name
  stamp=$(cat "$module"/*.go "$module"/crds "$module"/ldflags "$module/go.mod" "$module/go.sum" 2>/dev/null | sha256sum | cut -d' ' -f1)
  [ "$(cat "$bin/.$name" 2>/dev/null)" != "$stamp" ] || continue
  command -v go >/dev/null || {
    echo "✗ $name: it is built with Go, which is not here: https://go.dev/dl/ ($(sed -n 's/^go //p' "$module/go.mod") or newer)" >&2
    exit 1
  }
  echo "  … $name: compiling, once for each version (minutes, where it is the Kubernetes API)"
  (
    cd "$module"
    packages=$(go mod edit -json | sed -n 's/^.*"Path": "\(.*\/cmd\/.*\)".*$/\1/p')
    [ ! -f main.go ] || packages=.
    # What a program says of its own version, where its module alone does not tell it.
    flags=$(cat ldflags 2>/dev/null || true)
    for package in $packages; do
      CGO_ENABLED=0 nice -n 19 go build -mod=readonly -p "${GO_BUILD_JOBS:-1}" -trimpath -ldflags="-s -w $flags" -o "$bin/" "$package"
    done
    [ ! -f crds ] || mkdir -p "$bin/crds"
    [ ! -f crds ] || while read -r version path; do
      folder=$(go mod download -json "$version" | sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
      install -m 644 "$folder/$path" "$bin/crds/"
    done <crds
  )
  echo "$stamp" >"$bin/.$name"
done
