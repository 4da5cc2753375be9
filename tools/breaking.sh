#!/bin/sh
# Whether the contracts still serve who was built against those of another commit: breaking.sh, AGAINST=origin/main.
# The other commit's are laid out with the same third-party contracts, which are in node_modules and no commit has.
set -eu
cd "$(dirname "$0")/.."
against=${AGAINST:-origin/main}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive --output="$folder/old.tar" "$against" proto buf.yaml
mkdir "$folder/old"
tar -xf "$folder/old.tar" -C "$folder/old"
ln -s "$PWD/node_modules" "$folder/old/node_modules"
node_modules/.bin/buf breaking --against "$folder/old"
