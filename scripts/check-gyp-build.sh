#!/usr/bin/env bash
# Builds both addons with node-gyp in a copy of the sources, checks their ISA objects and loads them. The copy
# keeps the CMake build of this checkout in place.
set -euo pipefail
cd "$(dirname "$0")/.."

copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cp -r native scripts binding.gyp package.json "$copy"
ln -s "$PWD/node_modules" "$copy/node_modules"
SINTER_BUILD=gyp node "$copy/scripts/build.mjs" --native --test
bash scripts/check-isa-objects.sh "$copy/build"
for addon in sinter sinter_test; do
  node -e 'console.log("loaded", Object.keys(require(process.argv[1])).length, "exports")' \
    "$copy/build/Release/$addon.node"
done
