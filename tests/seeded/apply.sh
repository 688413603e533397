#!/bin/sh
# Checks that each seeded bug still applies to the sources. `run.sh` checks that the tests find it.
set -eu
cd "$(dirname "$0")/../.."
status=0
for bug in tests/seeded/*.patch; do
  patch -p1 --fuzz=2 --dry-run --force < "$bug" > /dev/null || { echo "does not apply: $bug"; status=1; }
done
exit $status
