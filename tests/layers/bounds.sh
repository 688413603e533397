#!/bin/bash
# Compares the table of bounds in docs/security.md with the tests.
#
#   tests/layers/bounds.sh [<root>]      each row names test cases, and each of them exists
#   tests/layers/bounds.sh --self-test   whether it finds rows without a test, and tests that are gone
#
# The last column of a row has, once or more, `<folder>/<file>`, "<name of the test case>".
set -uo pipefail

# Prints the names of the test cases of a file, one a line; adjacent literals are joined.
cases_of() {
  tr '\n' ' ' < "$1" | sed -E 's/"[[:space:]]+"//g' |
    grep -oE 'TEST_CASE\([[:space:]]*"([^"\\]|\\.)*"' | sed -E 's/^[^"]*"//; s/"$//'
}

rows_of() {
  awk '/^## / { inside = $0 == "## Bounds" } inside && /^\|/ && ++row > 2' "$1"
}

check() {
  local root=$1 row last item file name verdict=0 rows=0
  while IFS= read -r row; do
    rows=$((rows + 1))
    last=${row%|*}
    last=${last##*|}
    if ! grep -qE '`[a-z0-9_/]+`, "[^"]+"' <<< "$last"; then
      echo "no test: $row"
      verdict=1
      continue
    fi
    while IFS= read -r item; do
      file=$root/tests/$(cut -d'`' -f2 <<< "$item").cpp
      name=$(cut -d'"' -f2 <<< "$item")
      if [ ! -f "$file" ] || ! cases_of "$file" | grep -qxF -- "$name"; then
        echo "no such test: $item"
        verdict=1
      fi
    done < <(grep -oE '`[a-z0-9_/]+`, "[^"]+"' <<< "$last")
  done < <(rows_of "$root/docs/security.md")
  if [ $rows -eq 0 ]; then
    echo "no table of bounds"
    verdict=1
  fi
  return $verdict
}

self_test() {
  local work
  work=$(mktemp -d)
  trap "rm -r '$work'" EXIT
  mkdir -p "$work/docs" "$work/tests/unit"
  cat > "$work/tests/unit/some_test.cpp" << 'EOF'
TEST_CASE(
    "some: a name that "
    "is cut") {}
TEST_CASE("some: other") {}
EOF
  table() {
    printf '%s\n' '## Bounds' '' '| what | default | key | shown by |' '|---|---|---|---|' "$@" '' \
      '## Other' '| not | of | the | table |' > "$work/docs/security.md"
  }
  local good='| a | 1 | `k` | `unit/some_test`, "some: a name that is cut"; `unit/some_test`, "some: other" |'
  table "$good"
  check "$work" || { echo "a good table is refused"; return 1; }
  local bad
  for bad in '| a | 1 | `k` | |' '| a | 1 | `k`; `unit/some_test`, "some: other" | |' \
    '| a | 1 | `k` | `unit/some_test`, "some: another" |' \
    '| a | 1 | `k` | `unit/gone_test`, "some: other" |' \
    '| a | 1 | `k` | `unit/some_test`, "some: other"; `unit/some_test`, "some: oth" |'; do
    table "$good" "$bad"
    ! check "$work" > /dev/null || { echo "not found: $bad"; return 1; }
  done
  table
  ! check "$work" > /dev/null || { echo "an empty table is accepted"; return 1; }
}

if [ "${1-}" = --self-test ]; then self_test; else check "${1-$(dirname "$0")/../..}"; fi
