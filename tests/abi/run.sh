#!/bin/sh
# Units of one program that are compiled with different parts of the library:
#  * if they pass a client to each other, they do not link, and the linker names the parts of both;
#  * if they do not, they link, and each runs with its own parts.
#
#   run.sh <compiler> [<flag>...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0
wrong() {
  echo "$1"
  failures=1
}

# unit <object> <source> <compiler> [<flag>...]
unit() {
  object=$folder/$1.o
  source=$here/$2
  shift 2
  "$@" -O0 -c "$source" -o "$object"
}
link() {
  program=$folder/program
  rm -f "$program"
  # The words of a localized message are not looked at, only names.
  "$compiler" -o "$program" "$@" > "$folder/message" 2>&1
}
compiler=$1

tls='-DRATHOLE_WITH_TLS=1 -DRATHOLE_WITH_OPENSSL=1'
noise='-DRATHOLE_WITH_NOISE=1 -DRATHOLE_WITH_TLS=0'
cd "$folder"
# shellcheck disable=SC2086 # each word is an argument
{
  unit first_tls exchange_first.cpp "$@" $tls
  unit first_noise exchange_first.cpp "$@" $noise
  unit second_tls exchange_second.cpp "$@" $tls
  unit with own_parts.cpp "$@" $tls -DUNIT=with_tls
  unit without own_parts.cpp "$@" $noise -DUNIT=without_tls
  unit main own_parts_main.cpp "$@"
}

link first_tls.o second_tls.o || { wrong "units with the same parts do not link"; cat message; }
if link first_noise.o second_tls.o; then
  wrong "units with different parts that pass a client to each other link"
else
  for parts in _noise::client _tls_openssl::client; do
    grep -q "second(rathole::v[0-9_]*[0-9]$parts&)\|first(rathole::v[0-9_]*[0-9]$parts&)" message ||
      { wrong "the linker does not say \`$parts\`"; cat message; }
  done
fi

# Of two functions with one name the linker would keep the first.
for order in "with.o without.o" "without.o with.o"; do
  # shellcheck disable=SC2086
  if ! link main.o $order; then
    wrong "units with different parts that share nothing of them do not link"
    cat message
  elif ! ./program; then
    wrong "a unit runs with the parts of another one ($order)"
  fi
done

[ $failures = 0 ] && echo "units with different parts do not mix"
exit $failures
