#!/bin/sh
# Each snippet must compile with -DVALID, and without it must fail with the words of its line
#   // expect: <words of the diagnostic>
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

for snippet in "$folder"/*.cpp; do
  [ -e "$snippet" ] || break
  count=$((count + 1))
  words=$(sed -n 's,^// expect: *,,p' "$snippet")
  : > "$output"
  if [ -z "$words" ]; then
    report_problem "has no line \`// expect: ...\`"
  elif ! "$@" -fsyntax-only -DVALID "$snippet" > "$output" 2>&1; then
    report_problem "does not compile with -DVALID"
  elif "$@" -fsyntax-only "$snippet" > "$output" 2>&1; then
    report_problem "compiles"
  elif ! grep -qF -- "$words" "$output"; then
    report_problem "fails, but does not say \`$words\`"
  fi
done
echo "$count snippets, $failures wrong"
[ "$count" -gt 0 ] && [ "$failures" = 0 ]
