#!/bin/sh
# Checks that the program accepts the configurations in the pages for users of rathole 0.5 and frp,
# without an error, and with no warning but that their secrets are public.
#
#   from_others.sh <rathole> <root>     prints what is wrong; exits 1 if something is
set -eu
program=$1 count=0 status=0
for file in "$2"/examples/configs/from-*/*.toml; do
  said=$("$program" --check "$file" 2>&1) || true
  case $said in
    *"so everybody knows it"*) ;;
    *) echo "$file: no warning that its token is public"; status=1 ;;
  esac
  rest=$(printf '%s\n' "$said" | grep -v ': warning: .* in public examples, so everybody knows ') || true
  [ "$rest" = "$file: no errors found" ] || { printf '%s\n' "$said"; status=1; }
  count=$((count + 1))
done
[ $count -ge 6 ] || { echo "found only $count configurations"; status=1; }
exit $status
