#!/bin/bash
# Plants the bugs of *.patch, one at a time, in a copy of the sources, and expects a test to find each.
#
#   tests/seeded/run.sh [<name>...]     e.g. half_close; all of them without a name
#
# Above its difference a patch has the lines
#   Bug: what it does
#   Test: the unit of tests, and the arguments of its executable
#   Says: words of the failure; `a crash` if a signal ends the test
# A patch that no longer applies is a failure too: the bug is to be planted again.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
exec < /dev/null
patches=$PWD/tests/seeded
work=$PWD/build/seeded
log=$work/log
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
time_limit=120
export RATHOLE_PROGRAM=$work/build/rathole

# Only what differs is copied, so that a second run compiles little.
copy_sources() {
  local file
  git ls-files -z | while IFS= read -r -d '' file; do
    cmp -s "$file" "$work/src/$file" || cp --parents -t "$work/src" "$file" || return
  done
}

mkdir -p "$work/src" && copy_sources &&
  cmake -S "$work/src" --preset clang -B "$work/build" -DRATHOLE_CHECK_SOURCES=OFF \
    -DRATHOLE_SINGLE_TESTS=ON > "$log" 2>&1 ||
  { cat "$log"; exit 1; }

field() { sed -n "s/^$1: //p;/^---/q" "$2"; }
change() { patch -d "$work/src" -p1 --fuzz=2 --no-backup-if-mismatch "$@" > "$log" 2>&1; }

# found <patch>: whether the test fails as it should with the bug that is planted.
found() {
  local test says status=0
  read -ra test <<< "$(field Test "$1")"
  test[0]=${test[0]/\//_}
  says=$(field Says "$1")
  cmake --build "$work/build" --target "${test[0]}" --parallel "$jobs" > "$log" 2>&1 || return
  timeout --kill-after=10 "$time_limit" "$work/build/${test[0]}" "${test[@]:1}" > "$log" 2>&1 ||
    status=$?
  case $status in
    0 | 124 | 137) return 1 ;;
  esac
  if [ "$says" = "a crash" ]; then [ "$status" -gt 128 ]; else grep -qF -- "$says" "$log"; fi
}

verdict=0
[ $# -gt 0 ] || set -- $(basename -s .patch "$patches"/*.patch)
for bug in "$@"; do
  patch=$patches/$bug.patch
  if ! change --dry-run < "$patch"; then
    cat "$log"; echo "does not apply  $bug"; verdict=1
    continue
  fi
  change < "$patch"
  # Bash would report each crash.
  if found "$patch" 2> /dev/null; then
    echo "found           $bug"
  else
    tail -n 20 "$log"; echo "NOT FOUND       $bug"; verdict=1
  fi
  change -R < "$patch"
done
exit $verdict
