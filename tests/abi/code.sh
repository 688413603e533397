#!/bin/sh
# Compiles the program with all parts and with none, and compares the code of what both have.
#
#   code.sh <root of the project> <compiler> [<flag>...]
set -eu
root=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unit() {
  out=$folder/$1.s
  shift
  "$@" -O0 -w -S -DSPDLOG_FMT_EXTERNAL -DFMT_HEADER_ONLY "$root/examples/rathole.cpp" -o "$out"
}
unit all "$@" -DRATHOLE_WITH_NOISE=1 -DRATHOLE_WITH_TLS=1 -DRATHOLE_WITH_OPENSSL=1 \
  -DRATHOLE_WITH_WEBSOCKET=1
unit none "$@"
python3 "$root/tests/abi/weak.py" "$folder/all.s" "$folder/none.s"
