#!/bin/sh
# Checks the hardening of a built program; exits 1 if something is missing.
#
#   check.sh <program>    an executable for Linux
#
# The x86-64 instructions are checked on x86-64 only.
set -eu
export LC_ALL=C
program=${1:?usage: check.sh <program>}
status=0

# shown <what> <evidence>: the evidence is what was found in the program; empty if nothing was.
shown() {
  if [ -n "$2" ]; then
    printf 'ok       %-26s %s\n' "$1" "$(printf '%s' "$2" | tr -s '[:space:]' ' ' | cut -c1-60)"
  else
    printf 'MISSING  %s\n' "$1"; status=1
  fi
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
readelf -hW "$program" > "$work/header"
readelf -lW "$program" > "$work/segments"
readelf -dW "$program" > "$work/dynamic"
readelf --dyn-syms -W "$program" | awk '{ sub(/@.*/, "", $8); print $8 }' | sort -u > "$work/symbols"

shown "PIE" "$(grep -oE 'Flags:.* PIE' "$work/dynamic" || true)"
relro=$(awk '$1 == "GNU_RELRO" { print "read-only after relocation:", $6 }' "$work/segments")
now=$(grep -oE 'BIND_NOW|Flags:.* NOW' "$work/dynamic" | head -n 1 || true)
shown "full RELRO" "${now:+$relro}"
shown "stack not executable" "$(awk '$1 == "GNU_STACK" && $7 == "RW" { print $1, $7 }' "$work/segments")"
shown "no page writable and code" \
  "$(awk '$1 == "LOAD" && /RWE/ { bad = 1 } END { if (!bad) print "no LOAD is RWE" }' "$work/segments")"
shown "no search path of its own" \
  "$(grep -qE 'R(UN)?PATH' "$work/dynamic" || echo 'neither RPATH nor RUNPATH')"
shown "stack protector" "$(grep -x '__stack_chk_fail' "$work/symbols" || true)"
shown "_FORTIFY_SOURCE" "$(grep -E '^__[a-z]+_chk$' "$work/symbols" || true)"
shown "_GLIBCXX_ASSERTIONS" "$(grep '__glibcxx_assert_fail' "$work/symbols" || true)"
if grep -q 'X86-64' "$work/header"; then
  objdump -d --no-show-raw-insn "$program" > "$work/code"
  # The start code of the C library has a few marks of its own.
  shown "-fcf-protection" "$(awk '/endbr64/ { ++n } END { if (n > 6) print n, "endbr64" }' \
    "$work/code")"
  # A page of the stack is allocated and touched at once.
  shown "-fstack-clash-protection" "$(awk '
    taken && /\$0x0,(0x[0-9a-f]+)?\(%rsp\)/ { ++n }
    { taken = /sub +\$0x1000,%rsp/ }
    END { if (n) print n, "probes" }' "$work/code")"
fi
exit $status
