#!/bin/sh
# Checks what the compiler does not: that includes go only down the layers, that other projects'
# headers are included only where allowed, that headers are short, and that no expression has a form
# that g++ 12 miscompiles around co_await.
#
#   check.sh <root>     prints each violation as file:line: what; exits 1 if there is one
set -eu
export LC_ALL=C
cd "${1:?usage: check.sh <root of the project>}"
rules=$(dirname "$0")
case $rules in /*) ;; *) rules=$OLDPWD/$rules ;; esac

status=0
headers=$(find include/rathole -name '*.hpp' | sort)
[ -n "$headers" ] || { echo "no headers under include/rathole"; exit 1; }
sources=$(find include examples tests fuzz bench \( -name '*.hpp' -o -name '*.cpp' \) \
  ! -path 'tests/compile_fail/*' ! -path 'tests/install/*' 2>/dev/null | sort)

# shellcheck disable=SC2086 # the names hold no white space
awk -f "$rules/includes.awk" $headers || status=1
# shellcheck disable=SC2086
awk -f "$rules/coroutines.awk" $sources || status=1
exit $status
