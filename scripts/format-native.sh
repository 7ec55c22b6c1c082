#!/usr/bin/env bash
# Formats native/ with the pinned clang-format; --check only reports. Versions of clang-format disagree, so
# another version on the PATH is not used: the pinned one is installed into .tools/ from its pip wheel.
set -euo pipefail
cd "$(dirname "$0")/.."

version=20.1.8
tool=.tools/clang-format/bin/clang-format
if command -v clang-format >/dev/null && clang-format --version | grep -q " $version"; then
  tool=clang-format
elif ! { [[ -x "$tool" ]] && "$tool" --version | grep -q " $version"; }; then
  python3 -m venv .tools/clang-format
  .tools/clang-format/bin/pip install --quiet --disable-pip-version-check "clang-format==$version"
fi

mapfile -d '' files < <(find native -type f \( -name '*.cc' -o -name '*.h' -o -name '*.cu' \) -print0)
[[ ${#files[@]} -gt 0 ]] || exit 0
if [[ "${1:-}" == --check ]]; then
  "$tool" --dry-run -Werror "${files[@]}"
  echo "clang-format: ok (${#files[@]} files)"
else
  "$tool" -i "${files[@]}"
fi
