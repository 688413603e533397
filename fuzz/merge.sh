#!/bin/bash
# Minimizes the committed corpus of each named target, together with the inputs that the last
# fuzz/run.sh found, so that it reaches the same edges. Edges count, not how often they are taken,
# so that the corpora stay small. Files called hand-* were written by hand, and stay.
#
#   fuzz/merge.sh <target>...
set -euo pipefail
cd "$(dirname "$0")/.."
build=${RATHOLE_FUZZ_BUILD:-build/fuzz}
for target in "${@:?usage: fuzz/merge.sh <target>...}"; do
  merged=$(mktemp -d)
  "$build/fuzz_$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$merged" \
    "fuzz/corpus/$target" "$build/work/corpus/$target" > "$build/merge.log" 2>&1 ||
    { tail -n 20 "$build/merge.log"; exit 1; }
  find "fuzz/corpus/$target" -name 'hand-*' -exec cp -t "$merged" {} +
  rm -r "fuzz/corpus/$target"
  mv "$merged" "fuzz/corpus/$target"
  chmod 755 "fuzz/corpus/$target"
  echo "$target: $(find "fuzz/corpus/$target" -type f | wc -l) files"
done
