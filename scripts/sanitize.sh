#!/usr/bin/env bash
# Runs the native tests on a sanitizer build: `address` (with UndefinedBehaviorSanitizer) or `thread`.
# Leak detection is off: Node and V8 keep memory until the process ends, and every stack of the addon goes through
# their frames, so no suppression can tell their leaks from those of the addon.
# Usage: sanitize.sh address|thread [vitest arguments]
set -euo pipefail
cd "$(dirname "$0")/.."

kind="${1:?usage: sanitize.sh address|thread [vitest arguments]}"
shift
if [[ $# -eq 0 ]]; then
  if [[ "$kind" == address ]]; then
    set -- test/native test/border test/stress test/kernels test/tokenize/{word-pieces,byte-pairs}.test.ts
  else
    # What could race: the work of every operation, forward and backward, on several lanes (gradients, frozen, determinism), calls that
    # pass each other (passing), ends at any moment (life), everything at once (stress). Other tests of values use the same lanes in the
    # same way; parsers and single kernels start no thread.
    set -- test/native/{determinism,frozen,gradients,life,passing} test/stress
  fi
fi

node scripts/build.mjs --native --test --sanitize="$kind"
export SINTER_NATIVE="$PWD/build-$kind/Release/sinter.node"
export SINTER_NATIVE_TEST="$PWD/build-$kind/Release/sinter_test.node"
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:allow_user_segv_handler=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
# Node itself is not instrumented, so only races between accesses of the addon count.
export TSAN_OPTIONS=halt_on_error=1:abort_on_error=1:ignore_noninstrumented_modules=1:allocator_may_return_null=1

# Only the kernels of this level are instrumented for threads (CMakeLists.txt).
if [[ "$kind" == thread ]] && grep -qw avx2 /proc/cpuinfo; then export SINTER_ISA=avx2; fi

runtime=libasan.so
prefix=()
if [[ "$kind" == thread ]]; then
  runtime=libtsan.so
  # ThreadSanitizer maps fixed addresses, which a randomised layout may already use.
  if setarch -R true 2>/dev/null; then prefix=(setarch -R); fi
fi
# The sanitizer's runtime must be loaded before node's first allocation; libstdc++ too, for the exceptions it intercepts.
compiler="${CXX:-c++}"
preload="$("$compiler" -print-file-name=$runtime) $("$compiler" -print-file-name=libstdc++.so.6)"
exec "${prefix[@]}" env LD_PRELOAD="$preload" node node_modules/vitest/vitest.mjs run "$@"
