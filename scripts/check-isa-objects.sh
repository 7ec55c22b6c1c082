#!/usr/bin/env bash
# Two checks of the objects built with ISA flags. Weak symbols: none may exist, because the linker may keep such a copy of
# an inline function for the whole addon, and a CPU without that ISA would then die of an illegal instruction. Products:
# their object must hold the instruction that the level is made for, on whole registers, because a product without it
# would be slow but pass every test.
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
  -regex '.*sinter_\(avx2\|avxvnni\|avx512\|vnni\|neon\|dotprod\|i8mm\).*' -print0)

expect_instruction() { # object, instruction, register
  local object found
  while IFS= read -r -d '' object; do
    found="$(objdump -d --no-show-raw-insn "$object" | grep -cE "\\b$2\\b.*%$3" || true)"
    if [[ "$found" == 0 ]]; then
      bad=$((bad + 1))
      printf 'error: %s must multiply with %s on %s registers\n' "${object#"$build"/}" "$2" "$3" >&2
    fi
  done < <(find "$build" -name "$1.cc.o" -print0)
}
expect_instruction gemm_f32_avx2 'vfmadd[0-9]+ps' ymm
expect_instruction gemm_f32_avx512 'vfmadd[0-9]+ps' zmm
for instruction in vpmaddwd vpmaddubsw; do
  expect_instruction gemm_s8_avx2 "$instruction" ymm
  expect_instruction gemm_s8_avx512 "$instruction" zmm
done
expect_instruction gemm_s8_avxvnni vpdpbusd ymm
expect_instruction gemm_s8_vnni vpdpbusd zmm

if [[ "$(uname -m)" == x86_64 && "$count" == 0 ]]; then
  echo "error: no ISA objects below $build: build the addon first" >&2
  exit 1
fi
[[ "$bad" == 0 ]] || exit 1
echo "isa objects: ok ($count)"
