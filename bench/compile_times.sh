#!/bin/bash
# bench/compile_times.sh: how long units take to compile that include the library, without
# optimization and without TLS, Noise and WebSocket, as ratios to Asio's hello world: the median of
# three runs of each, one after the other, in seconds of the processor.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/support/install-deps.sh g++ libasio-dev
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiler=(${CXX:-g++} -std=c++23 -DASIO_STANDALONE -Iinclude -O0)

cat > "$work/asio.cpp" << 'END'
#include <asio.hpp>
#include <iostream>
int main() {
  asio::io_context context;
  asio::steady_timer timer(context, std::chrono::seconds(1));
  timer.async_wait([](std::error_code) { std::cout << "Hello, world!\n"; });
  context.run();
}
END
printf '#include <rathole/src.hpp>\n' > "$work/src.cpp"

# seconds <file> [<option>...]: the median of three.
seconds() {
  local file=$1
  shift
  for _ in 1 2 3; do
    local TIMEFORMAT='%U %S'
    { time "${compiler[@]}" "$@" -c "$file" -o "$work/unit.o"; } 2>&1 | awk '{print $1 + $2}'
  done | sort -n | sed -n 2p
}

separate=-DRATHOLE_SEPARATE_COMPILATION=1
base=$(seconds "$work/asio.cpp")
row() { awk -v s="$2" -v b="$base" -v n="$1" 'BEGIN { printf "%-58s %6.2f s  %5.2f\n", n, s, s / b }'; }
row "Asio's hello world" "$base"
row "README's sample, separate compilation" "$(seconds examples/embedded_forward.cpp $separate)"
row "rathole/src.hpp, once in a program" "$(seconds "$work/src.cpp" $separate)"
row "README's sample, header-only" "$(seconds examples/embedded_forward.cpp)"
