#!/bin/bash
# Fuzzes all targets, or those that are named, for about SECONDS in all; fails on any finding.
#
#   fuzz/run.sh SECONDS [<target>...]
#
# Installs what is missing and builds the preset `fuzz` first. As many targets run at once as there
# are processors. The corpora are copied, so that a run does not change the sources; new inputs stay
# in the build folder, with the findings.
set -euo pipefail
seconds=${1:?usage: fuzz/run.sh SECONDS [<target>...]}
shift
cd "$(dirname "$0")/.."

tests/support/install-deps.sh clang-19 libclang-rt-19-dev llvm-19 g++ cmake ninja-build \
  libasio-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev "libbotan-3-dev|libbotan-2-dev" libssl-dev
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
build=${RATHOLE_FUZZ_BUILD:-build/fuzz}
mkdir -p "$build"
cmake --preset fuzz -B "$build" > "$build/configure.log" 2>&1 || { cat "$build/configure.log"; exit 1; }
cmake --build "$build" --parallel "$jobs" --target fuzz_targets

# A target's weight is its share of the time: larger machines get more.
weight() {
  case $1 in
    sim_*) echo 4 ;;
    config) echo 3 ;;
    *) echo 1 ;;
  esac
}

targets=$*
[ -n "$targets" ] || targets=$(basename -s .cpp fuzz/targets/*.cpp)
weights=$(for target in $targets; do echo "$(weight "$target") $target"; done | sort -rn)
total=$(awk '{ sum += $1 } END { print sum }' <<< "$weights")

export work=$build/work
rm -rf "$work"
mkdir -p "$work/findings"
export ASAN_OPTIONS=quarantine_size_mb=64 UBSAN_OPTIONS=print_stacktrace=1
ASAN_SYMBOLIZER_PATH=$(command -v llvm-symbolizer-19)
export ASAN_SYMBOLIZER_PATH build

# fuzz_one <seconds> <target>
fuzz_one() {
  local corpus=$work/corpus/$2 log=$work/$2.log
  mkdir -p "$corpus"
  cp -t "$corpus" "fuzz/corpus/$2"/*
  [ ! -d "fuzz/regressions/$2" ] || cp -t "$corpus" "fuzz/regressions/$2"/*
  local options=(-max_total_time="$1" -max_len=4096 -timeout=20 -rss_limit_mb=1024
    -malloc_limit_mb=256 -artifact_prefix="$work/findings/$2-")
  [ ! -f "fuzz/dictionaries/$2.dict" ] || options+=(-dict="fuzz/dictionaries/$2.dict")
  if "$build/fuzz_$2" "${options[@]}" "$corpus" > "$log" 2>&1; then
    printf '%-16s %s\n' "$2" "$(grep -E '^#[0-9]+\s+DONE' "$log" | tr -s '\t ' ' ')"
  else
    printf '%-16s FAILED\n' "$2"
    return 1
  fi
}
export -f fuzz_one

status=0
awk -v seconds="$seconds" -v jobs="$jobs" -v total="$total" \
  '{ share = int(seconds * jobs * $1 / total); print (share > 0 ? share : 1), $2 }' \
  <<< "$weights" | xargs -P "$jobs" -L 1 bash -c 'fuzz_one "$@"' fuzz || status=1

for finding in "$work"/findings/*; do
  [ -e "$finding" ] || continue
  status=1
  target=$(basename "$finding" | sed 's/-[a-z]*-[0-9a-f]*$//')
  printf '\n======== %s\n' "$finding"
  grep -vE '^#[0-9]|^INFO|^\s+(NEW|REDUCE)' "$work/$target.log" | head -n 40
  echo "Replay it:  $build/fuzz_$target $finding"
  echo "Once it is mended, keep it in fuzz/regressions/$target/."
done
[ "$status" = 0 ] && echo "No findings." || echo "FAILED"
exit "$status"
