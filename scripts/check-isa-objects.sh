#!/usr/bin/env bash
# Fails on weak symbols in objects built with ISA flags: the linker may keep such a copy of an inline
# function for the whole addon, and a CPU without that ISA would then die of an illegal instruction.
# Usage: check-isa-objects.sh [build folder]; build the addon first.
set -euo pipefail

build="${1:-$(dirname "$0")/../build}"
count=0
bad=0
while IFS= read -r -d '' object; do
  count=$((count + 1))
  weak="$(nm --defined-only --demangle "$object" | grep -E '^[0-9a-f]+ [WVuwv] ' || true)"
  if [[ -n "$weak" ]]; then
    bad=$((bad + 1))
    printf 'error: %s defines weak symbols:\n%s\n' "${object#"$build"/}" "$weak" >&2
  fi
done < <(find "$build" -name '*.o' -path '*sinter_*' \
  \( -path '*sinter_avx2*' -o -path '*sinter_avx512*' -o -path '*sinter_vnni*' \) -print0)

if [[ "$(uname -m)" == x86_64 && "$count" == 0 ]]; then
  echo "error: no ISA objects below $build: build the addon first" >&2
  exit 1
fi
[[ "$bad" == 0 ]] || exit 1
echo "isa objects: ok ($count)"
