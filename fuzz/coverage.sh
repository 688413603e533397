#!/bin/bash
# Prints the share of lines of the parsers and machines that the committed corpora reach, by file;
# fails if it is below the goal.
set -euo pipefail
goal=95
cd "$(dirname "$0")/.."

tests/support/install-deps.sh clang-19 libclang-rt-19-dev llvm-19 g++ cmake ninja-build \
  libasio-dev libtomlplusplus-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev "libbotan-3-dev|libbotan-2-dev" libssl-dev doctest-dev librapidcheck-dev
jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
build=${RATHOLE_COVERAGE_BUILD:-build/fuzz-coverage}
mkdir -p "$build"
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS_DEBUG="-O0 -g1 -fprofile-instr-generate -fcoverage-mapping" \
  -DRATHOLE_CHECK_SOURCES=OFF -DRATHOLE_BUILD_EXAMPLES=OFF > "$build/configure.log" 2>&1 ||
  { cat "$build/configure.log"; exit 1; }
cmake --build "$build" --parallel "$jobs" --target fuzz_targets

mapfile -t files < <(ls include/rathole/protocol/*.hpp \
  include/rathole/config/{toml*,parse,url,key,validate}.hpp \
  include/rathole/core/{address,base64,byte_buffer,cursor,endian,hex,keyed_queue}.hpp)
for source in fuzz/targets/*.cpp; do
  target=$(basename "$source" .cpp)
  LLVM_PROFILE_FILE=$build/$target.profraw "$build/fuzz_$target" "fuzz/corpus/$target" > /dev/null
  llvm-profdata-19 merge -o "$build/$target.profdata" "$build/$target.profraw"
  llvm-cov-19 export -format=lcov -instr-profile "$build/$target.profdata" "$build/fuzz_$target" \
    -sources "${files[@]}" > "$build/$target.lcov"
done

# A line counts as reached if one target reaches it.
python3 - "$goal" "$PWD" "$build"/*.lcov << 'EOF'
import collections, os, sys

goal, root, reports = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
lines = collections.defaultdict(lambda: collections.defaultdict(int))
for report in reports:
    for record in open(report):
        kind, _, value = record.strip().partition(":")
        if kind == "SF":
            file = lines[os.path.relpath(value, root)]
        elif kind == "DA":
            number, count = value.split(",")[:2]
            file[int(number)] += int(count)
total = reached = 0
for name, file in sorted(lines.items()):
    missing = sorted(number for number, count in file.items() if count == 0)
    total += len(file)
    reached += len(file) - len(missing)
    percent = 100 * (len(file) - len(missing)) / len(file)
    note = "  not lines " + ", ".join(map(str, missing)) if missing else ""
    print(f"{percent:6.1f} %  {name}{note}")
percent = 100 * reached / total
print(f"{percent:6.1f} %  of {total} lines; the goal is {goal:.0f} %")
sys.exit(percent < goal)
EOF
