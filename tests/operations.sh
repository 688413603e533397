#!/bin/bash
# operations.sh PROGRAM PYTHON: tries the admin API, the dashboard, the metrics and the descriptions of the
# program with the programs that its users use.
#
# Needs chromium, prometheus, strace, zsh, fish and man, and beside PYTHON the packages playwright,
# schemathesis, openapi-spec-validator and jsonschema.
set -uo pipefail
program=$(realpath "$1")
python=$(realpath -s "$2")
cd "$(dirname "$0")/.." || exit 1
monitoring=examples/monitoring
failed=()

try() {
  local name=$1
  shift
  echo "=== $name"
  "$@" || { failed+=("$name"); echo "=== $name: FAILED"; }
}

try "manual page and completions" tests/descriptions/run.sh "$program" --all
try "every interruption of an edit" "$python" tests/admin/interrupted.py "$program"
try "requests made from the description" "$python" tests/openapi/run.py "$program"
try "alert rules" promtool test rules "$monitoring/rathole_rules_test.yml"
try "Grafana dashboard" "$python" tests/monitoring/check_dashboard.py docs/admin-api.md "$monitoring"
try "Prometheus" "$python" tests/monitoring/scrape.py "$program" "$monitoring" docs/admin-api.md
try "dashboard, pretended programs" "$python" tests/dashboard/check.py
try "dashboard, faults planted" "$python" tests/dashboard/mutate.py
try "dashboard, real programs" "$python" tests/dashboard/live.py "$program"
try "edits through the API" "$python" tests/soak/reload.py "$program" --api --edits 200

[ ${#failed[@]} = 0 ] || { printf 'FAILED: %s\n' "${failed[@]}" >&2; exit 1; }
echo "all passed"
