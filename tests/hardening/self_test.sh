#!/bin/sh
# Builds a small program with all hardening, which check.sh must accept, and then without one option
# at a time, which check.sh must report.
#
#   self_test.sh <compiler>
set -eu
here=$(cd "$(dirname "$0")" && pwd)
compiler=${1:?usage: self_test.sh <compiler>}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

cat > "$folder/small.cpp" << 'X'
#include <cstring>
#include <vector>

#ifdef WRITABLE_CODE
asm(".section .both,\"awx\"\n.zero 64\n.text");
#endif

int main(int count, char** words) {
  char frame[32768];
  std::strcpy(frame, words[0]);
  std::vector<char> copy(frame, frame + count);
  return copy[static_cast<std::size_t>(words[0][0] % 2)];
}
X
for name in a b c d e f g h; do
  echo "__attribute__((noinline)) int $name(int x) { return x + 1; }" >> "$folder/small.cpp"
  echo "int (*volatile pointer_$name)(int) = $name;" >> "$folder/small.cpp"
done

everything='-std=c++20 -O2 -fPIE -pie -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -D_GLIBCXX_ASSERTIONS
  -fstack-protector-strong -fstack-clash-protection -Wl,-z,relro,-z,now -w'
case $(uname -m) in x86_64) everything="$everything -fcf-protection" ;; esac

# build <flag>...: the last of two contradicting flags counts.
# shellcheck disable=SC2086 # the flags are words
build() { "$compiler" $everything "$@" "$folder/small.cpp" -o "$folder/small"; }

# missed <what> <flag>...
missed() {
  what=$1
  shift
  build "$@"
  if "$here/check.sh" "$folder/small" > "$folder/output"; then
    echo "accepted without: $what"; failures=1
  elif ! grep -qxF "MISSING  $what" "$folder/output"; then
    echo "refused, but not for: $what"; cat "$folder/output"; failures=1
  fi
}

build
"$here/check.sh" "$folder/small" || { echo "not accepted although nothing is missing"; failures=1; }
missed "PIE" -no-pie -fno-PIE
missed "full RELRO" -Wl,-z,lazy
missed "full RELRO" -Wl,-z,norelro
missed "stack not executable" -Wl,-z,execstack
missed "no page writable and code" -DWRITABLE_CODE -Wl,--no-warn-rwx-segments
missed "no search path of its own" -Wl,-rpath,/nowhere
missed "stack protector" -fno-stack-protector
missed "_FORTIFY_SOURCE" -U_FORTIFY_SOURCE
missed "_GLIBCXX_ASSERTIONS" -U_GLIBCXX_ASSERTIONS
case $(uname -m) in
  x86_64)
    missed "-fcf-protection" -fcf-protection=none
    missed "-fstack-clash-protection" -fno-stack-clash-protection
    ;;
esac

[ $failures = 0 ] && echo "every missing protection was named"
exit $failures
