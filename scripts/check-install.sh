#!/usr/bin/env bash
# Installs the package as its users do: packed by npm, into an empty project, compiled there, and used once.
# Usage: check-install.sh cmake|gyp. gyp hides CMake from the PATH, and then looks at what node-gyp made.
set -euo pipefail
cd "$(dirname "$0")/.."
system="${1:?usage: check-install.sh cmake|gyp}"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
npm pack --ignore-scripts --loglevel=error --pack-destination "$work"
mkdir "$work/project" "$work/bin"

if [[ "$system" == gyp ]]; then
  # All programs of the PATH under their names, the first of a name, but for CMake.
  IFS=: read -ra folders <<<"$PATH"
  for folder in "${folders[@]}"; do
    find "$folder" -maxdepth 1 ! -type d ! -name 'cmake*' -exec ln -st "$work/bin" {} + 2>/dev/null || true
  done
  export PATH="$work/bin" SINTER_KEEP_OBJECTS=1
  if command -v cmake; then echo 'error: CMake is still on the PATH' >&2; exit 1; fi
fi

cd "$work/project"
echo '{ "private": true, "type": "module" }' >package.json
# Where node-gyp would keep headers that it downloads.
export XDG_CACHE_HOME="$work/cache"
# Where ccache is in use, what the repository compiled serves here, too.
export CCACHE_BASEDIR="$PWD/node_modules/sinter"
SECONDS=0
npm install --foreground-scripts "$work"/sinter-*.tgz | tee "$work/log"
echo "installed in $SECONDS s, $(du -sm node_modules | cut -f1) MB"
declare -A names=([cmake]=CMake [gyp]=node-gyp)
grep -q "compiling the native core with ${names[$system]}" "$work/log"
if [[ -e "$XDG_CACHE_HOME/node-gyp" ]]; then echo 'error: node-gyp downloaded headers' >&2; exit 1; fi

node -e "import('sinter').then(async ({ Encoder }) => {
  const vectors = await (await Encoder.load()).embed(['a red car']);
  console.log('embedded a text:', vectors.rows, 'x', vectors.cols);
})"
printf 'text,label\na,x\nb,y\nc,x\nd,y\n' >rows.csv
npx --no-install sinter train --train rows.csv --out model --epochs 1
test -s model/config.json

if [[ "$system" == gyp ]]; then
  # The package has no test addon; node-gyp builds it from the same list.
  cp -r "$OLDPWD/native/addon_test" node_modules/sinter/native/
  npm explore sinter -- node scripts/build.mjs --native --test
  bash "$OLDPWD/scripts/check-isa-objects.sh" node_modules/sinter/build
  node -e 'console.log("loaded", Object.keys(require(process.argv[1])).length, "exports")' \
    "$PWD/node_modules/sinter/build/Release/sinter_test.node"
fi
