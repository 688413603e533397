#!/bin/bash
# bench/run.sh [OPTION OF compare.py]...: installs what is missing, builds preset bench, runs the
# micro-benchmarks, the comparison of a listener with a local port, and then compare.py. Upstream
# takes part if RATHOLE_UPSTREAM names its program or .ci/run has installed it.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/support/install-deps.sh g++ cmake ninja-build libasio-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev \
  libspdlog-dev libfmt-dev "libbotan-3-dev|libbotan-2-dev" libbenchmark-dev python3 nginx iperf3 wrk
cmake --preset bench
cmake --build --preset bench --target rathole limit_relay udp_load micro_bench bench_listener \
  --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}"

build/bench/micro_bench
build/bench/bench_listener
upstream=${RATHOLE_UPSTREAM:-${XDG_CACHE_HOME:-$HOME/.cache}/rathole-upstream/bin/rathole}
others=()
[ ! -x "$upstream" ] || others=(--upstream "$upstream")
exec python3 bench/compare.py --ours build/bench/rathole --limit build/bench/limit_relay \
  --udp-load build/bench/udp_load "${others[@]}" "$@"
