#!/bin/sh
# Installs what is missing, builds everything and runs the whole suite; exits with its status.
#
#   tests/run.sh [<preset> [<option of cmake>...]]     dev (the default), asan, tsan or clang
set -eu
cd "$(dirname "$0")/.."
preset=${1:-dev}
[ $# = 0 ] || shift

# The sanitizers' builds take a fifth of the time with clang.
case $preset in
  dev) compiler= ;;
  *) compiler="clang-19 libclang-rt-19-dev llvm-19" ;;
esac
# shellcheck disable=SC2086 # the names hold no white space
tests/support/install-deps.sh $compiler g++ cmake ninja-build libasio-dev libtomlplusplus-dev \
  libcli11-dev nlohmann-json3-dev libspdlog-dev libfmt-dev doctest-dev librapidcheck-dev \
  "libbotan-3-dev|libbotan-2-dev" libssl-dev openssl nginx haproxy libboost-dev python3-websockets \
  microsocks tinyproxy dnsmasq-base bind9-dnsutils iperf3 systemd iproute2 patch curl \
  golang-go golang-github-hashicorp-yamux-dev "pkgconf|pkg-config"

jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
cmake --preset "$preset" "$@"
cmake --build --preset "$preset" --parallel "$jobs"
# Tests fork, and the children use threads.
TSAN_OPTIONS="die_after_fork=0:suppressions=$PWD/tests/support/tsan.supp${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
export TSAN_OPTIONS
if symbolizer=$(command -v llvm-symbolizer-19); then
  export ASAN_SYMBOLIZER_PATH="$symbolizer" UBSAN_SYMBOLIZER_PATH="$symbolizer"
  TSAN_OPTIONS="$TSAN_OPTIONS:external_symbolizer_path=$symbolizer"
fi
# About a third of the tests' time is spent waiting.
ctest --preset "$preset" --parallel "$((jobs + 1))"
