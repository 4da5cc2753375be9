#!/bin/sh
# The tag of TAG is that of the version that everything here says.
set -eu
cd "$(dirname "$0")/../.."
version=$(node -p 'require("./chassis/package.json").version')
[ "${TAG:-}" = "v$version" ] || { echo "the tag is ${TAG:-none}, and the packages are $version: it would be v$version" >&2; exit 1; }
[ -z "$(find .changeset -name '*.md' ! -name README.md)" ] || {
  echo 'there are changes in .changeset that no version has yet: make release-version' >&2
  exit 1
}
