#!/bin/sh
# Installs what is missing, builds everything and runs the whole suite; exits with its status.
#
#   tests/run.sh [<preset> [<option of cmake>...]]     dev (the default), asan, tsan or clang
set -eu
cd "$(dirname "$0")/.."
preset=${1:-dev}
[ $# = 0 ] || shift

tests/support/install-deps.sh g++ cmake ninja-build libasio-dev libtomlplusplus-dev libcli11-dev \
  libspdlog-dev libfmt-dev doctest-dev librapidcheck-dev "libbotan-3-dev|libbotan-2-dev" libssl-dev \
  openssl nginx haproxy libboost-dev python3-websockets microsocks tinyproxy dnsmasq-base \
  bind9-dnsutils iperf3 systemd iproute2 patch "pkgconf|pkg-config" \
  golang-go golang-github-hashicorp-yamux-dev

jobs=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
cmake --preset "$preset" "$@"
cmake --build --preset "$preset" --parallel "$jobs"
ctest --preset "$preset" --parallel "$jobs"
