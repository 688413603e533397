#!/bin/sh
# Each concept of the library has a snippet that asserts it: a near miss. Those in lower case belong
# to the implementation.
#
#   complete.sh <folder of headers> <folder of snippets>
set -eu
concepts=$(grep -rhoE '^ *concept [A-Z][A-Za-z]* =' "$1" | sed 's/^ *concept //; s/ =//' | sort)
[ -n "$concepts" ] || { echo "no concepts in $1"; exit 1; }
status=0
for concept in $concepts; do
  grep -qE "^static_assert\(([a-z_]+::)*$concept<" "$2"/*.cpp ||
    { echo "no snippet asserts the concept $concept"; status=1; }
done
[ $status = 0 ] && echo "$(echo "$concepts" | wc -l) concepts, each with a snippet"
exit $status
