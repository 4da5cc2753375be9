#!/bin/sh
# Base images for a machine that can pull none, of Debian's packages and the Node that runs here:
# base-images.sh <folder>. Writes two OCI layouts, <folder>/build (Debian, Node, npm) and <folder>/run (Node and
# the libraries that it needs, like distroless), and imports both where a Docker engine answers. As root, on Debian.
set -eu
folder=$1
suite=${DEBIAN_SUITE:-bookworm}
node=$(readlink -f "$(command -v node)")
npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
roots=$folder/roots
build=$roots/build
run=$roots/run

[ "$(id -u)" = 0 ] || { echo 'base images are made as root: debootstrap needs it' >&2; exit 1; }
command -v debootstrap >/dev/null || { echo 'debootstrap is missing: apt-get install debootstrap' >&2; exit 1; }
rm -rf "$folder"
mkdir -p "$build" "$run"

debootstrap --variant=minbase --include=ca-certificates "$suite" "$build" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
rm -rf "$build"/var/cache/apt/archives/*.deb "$build"/var/lib/apt/lists/*
mkdir -p "$build/usr/local/lib/node_modules"
cp "$node" "$build/usr/local/bin/node"
cp -R "$npm" "$build/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$build/usr/local/bin/npm"
cp "$authorities" "$build/etc/ssl/certs/ca-certificates.crt"

mkdir -p "$run/nodejs/bin" "$run/etc/ssl/certs" "$run/tmp" "$run/lib/x86_64-linux-gnu" "$run/lib64"
chmod 1777 "$run/tmp"
cp "$node" "$run/nodejs/bin/node"
cp "$authorities" "$run/etc/ssl/certs/ca-certificates.crt"
cp -L "$build/lib64/ld-linux-x86-64.so.2" "$run/lib64/"
for library in libc.so.6 libdl.so.2 libm.so.6 libpthread.so.0 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 \
  libstdc++.so.6 libgcc_s.so.1; do
  cp -L "$build"/lib/x86_64-linux-gnu/$library "$run/lib/x86_64-linux-gnu/"
done
echo 'nonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin' >"$run/etc/passwd"
echo 'nonroot:x:65532:' >"$run/etc/group"
echo 'hosts: files dns' >"$run/etc/nsswitch.conf"

# blob <file>: puts it into the layout under its digest, and says digest and size.
blob() {
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  size=$(stat -c %s "$1")
  mv "$1" "$layout/blobs/sha256/$digest"
}

for name in build run; do
  layout=$folder/$name
  mkdir -p "$layout/blobs/sha256"
  tar -C "$roots/$name" --numeric-owner --sort=name -cf "$folder/layer.tar" .
  blob "$folder/layer.tar"
  layer=$digest
  layer_size=$size
  printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$layer" >"$folder/config.json"
  blob "$folder/config.json"
  printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' "$digest" "$size" "$layer" "$layer_size" >"$folder/manifest.json"
  blob "$folder/manifest.json"
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$digest" "$size" >"$layout/index.json"
  printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
  echo "sha256:$digest" >"$folder/$name.digest"
  ! docker info >/dev/null 2>&1 || docker import --change 'ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin' \
    "$layout/blobs/sha256/$layer" "weft-base-$name" >/dev/null
done
rm -rf "$roots"
