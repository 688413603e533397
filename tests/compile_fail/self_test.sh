#!/bin/sh
# Plants snippets with each possible fault and expects run.sh to refuse them.
#
#   self_test.sh <compiler> [<flag>...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# refused <words> <compiler> [<flag>...]: the snippet is standard input.
refused() {
  words=$1
  shift
  cat > "$folder/planted.cpp"
  if "$here/run.sh" "$folder" "$@" > "$folder/output" 2>&1; then
    echo "not refused: $words"; failures=1
  elif ! grep -qF -- "$words" "$folder/output"; then
    echo "refused, but not because it $words"; cat "$folder/output"; failures=1
  fi
}

refused 'planted.cpp: compiles' "$@" << 'X'
// expect: anything
int x = 1;
X
refused 'planted.cpp: has no line' "$@" << 'X'
int x = "";
X
refused 'planted.cpp: does not compile with -DVALID' "$@" << 'X'
// expect: invalid conversion
int x = "";
X
refused 'planted.cpp: fails, but does not say `Gadget`' "$@" << 'X'
// expect: Gadget
#ifndef VALID
int x = "";
#endif
X
refused 'fails, but does not say `late` in the first ten lines' "$@" << 'X'
// expect: late
#ifndef VALID
#warning 1
#warning 2
#warning 3
#warning 4
#warning 5
#warning 6
#warning 7
#warning 8
#warning 9
#warning 10
#error late
#endif
X
refused 'fails, but does not say `gadget` in the first ten lines' "$@" << 'X'
// expect: gadget
#ifndef VALID
int gadget = "";
#endif
X
refused 'fails, but does not say `Widget|Gadget` in the first ten lines' "$@" << 'X'
// expect: planted
// expect: Widget|Gadget
#ifndef VALID
int x = "";
#endif
X
rm "$folder/planted.cpp"
if "$here/run.sh" "$folder" "$@" > /dev/null; then
  echo "content without any snippet"; failures=1
fi


mkdir -p "$folder/include/rathole"
echo 'concept Widget = true;' > "$folder/include/rathole/widget.hpp"
echo 'static_assert(Gadget<int>);' > "$folder/gadget.cpp"
if "$here/complete.sh" "$folder/include" "$folder" > "$folder/output"; then
  echo "a concept without a snippet"; failures=1
elif ! grep -q Widget "$folder/output"; then
  echo "a concept without a snippet is not named"; failures=1
fi

[ $failures = 0 ] && echo "every planted snippet was refused"
exit $failures
