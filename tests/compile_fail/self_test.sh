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
rm "$folder/planted.cpp"
if "$here/run.sh" "$folder" "$@" > /dev/null; then
  echo "content without any snippet"; failures=1
fi

[ $failures = 0 ] && echo "every planted snippet was refused"
exit $failures
