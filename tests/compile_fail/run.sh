#!/bin/sh
# Each snippet must compile with -DVALID, and without it must fail with the words of each line
#   // expect: <words of the diagnostic>
# in the first ten lines that the compiler prints; lines that quote a source do not count: g++ 14 adds
# two of them to each line.
# A | separates the words of one compiler from those of another.
#
#   run.sh <folder of snippets> <compiler> [<flag>...]
set -eu
folder=$1
shift
output=$(mktemp)
trap 'rm -f "$output"' EXIT
count=0
failures=0
report_problem() {
  echo "$snippet: $1"
  cat "$output"
  failures=$((failures + 1))
}
# says <words>: whether one of the alternatives is in the first lines.
says() {
  grep -v '^ *[0-9]* |' "$output" | head -n 10 | grep -qF -- "$(echo "$1" | tr '|' '\n')"
}

for snippet in "$folder"/*.cpp; do
  [ -e "$snippet" ] || break
  count=$((count + 1))
  expected=$(sed -n 's,^// expect: *,,p' "$snippet")
  : > "$output"
  if [ -z "$expected" ]; then
    report_problem "has no line \`// expect: ...\`"
  elif ! "$@" -fsyntax-only -DVALID "$snippet" > "$output" 2>&1; then
    report_problem "does not compile with -DVALID"
  elif "$@" -fsyntax-only "$snippet" > "$output" 2>&1; then
    report_problem "compiles"
  else
    while IFS= read -r words; do
      says "$words" || report_problem "fails, but does not say \`$words\` in the first ten lines"
    done << END
$expected
END
  fi
done
echo "$count snippets, $failures wrong"
[ "$count" -gt 0 ] && [ "$failures" = 0 ]
