#!/bin/bash
# Prints which part of the lines of the parsers and machines the committed corpora reach, by file;
# fails if it is less than the goal.
set -euo pipefail
goal=95
cd "$(dirname "$0")/.."

tests/support/install-deps.sh clang-19 libclang-rt-19-dev llvm-19 g++ cmake ninja-build \
  libasio-dev libtomlplusplus-dev doctest-dev librapidcheck-dev
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
build=${RATHOLE_COVERAGE_BUILD:-build/fuzz-coverage}
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS_DEBUG="-O0 -g1 -fprofile-instr-generate -fcoverage-mapping" \
  -DRATHOLE_CHECK_SOURCES=OFF -DRATHOLE_BUILD_EXAMPLES=OFF > "$build.log" 2>&1 ||
  { cat "$build.log"; exit 1; }
cmake --build "$build" --parallel "$jobs" --target fuzz_targets

objects=()
for source in fuzz/targets/*.cpp; do
  target=$(basename "$source" .cpp)
  LLVM_PROFILE_FILE=$build/$target.profraw "$build/fuzz_$target" "fuzz/corpus/$target" > /dev/null
  objects+=(-object "$build/fuzz_$target")
done
llvm-profdata-19 merge -o "$build/all.profdata" "$build"/*.profraw

mapfile -t files < <(ls include/rathole/protocol/*.hpp \
  include/rathole/config/{toml*,parse,url,key,validate}.hpp \
  include/rathole/core/{address,base64,byte_buffer,cursor,endian,hex,keyed_queue}.hpp)
llvm-cov-19 export -summary-only -instr-profile "$build/all.profdata" "${objects[@]}" \
  "${files[@]/#/$PWD/}" > "$build/coverage.json"
python3 - "$build/coverage.json" "$goal" "$PWD" << 'EOF'
import json, os, sys

report, goal, root = sys.argv[1], float(sys.argv[2]), sys.argv[3]
total = reached = 0
for file in json.load(open(report))["data"][0]["files"]:
    lines = file["summary"]["lines"]
    total += lines["count"]
    reached += lines["covered"]
    name = os.path.relpath(file["filename"], root)
    print(f"{lines['percent']:6.1f} %  {lines['count'] - lines['covered']:4d} missing  {name}")
percent = 100 * reached / total
print(f"{percent:6.1f} %  of {total} lines; the goal is {goal:.0f} %")
sys.exit(percent < goal)
EOF
