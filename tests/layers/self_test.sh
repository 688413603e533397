#!/bin/sh
# Plants one violation at a time and expects check.sh to report it, and to accept what is allowed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failures=0

# planted <file>: runs the check on a project whose only file is read from standard input.
planted() {
  rm -rf "${root:?}"/*
  mkdir -p "$root/include/rathole/core" "$root/$(dirname "$1")"
  echo '#pragma once' > "$root/include/rathole/core/bytes.hpp"
  cat > "$root/$1"
  "$here/check.sh" "$root" > "$root/output" 2>&1
}
caught() {
  if planted "$1"; then
    echo "not caught in $1: $2"; failures=1
  elif ! grep -qF "$1:$2" "$root/output"; then
    echo "caught in $1, but not as $2:"; cat "$root/output"; failures=1
  fi
}
passes() {
  if ! planted "$1"; then
    echo "wrongly reported:"; cat "$root/output"; failures=1
  fi
}

h=include/rathole
caught $h/core/a.hpp '1: `core` must not include `io`' << 'X'
#include <rathole/io/token.hpp>
X
caught $h/protocol/a.hpp '2: `protocol` must not include `config`' << 'X'

#include <rathole/config/types.hpp>
X
caught $h/client/a.hpp '1: `client` must not include `server`' << 'X'
#include <rathole/server/server.hpp>
X
caught $h/config/validate.hpp '1: `config` must not include `config/parse`' << 'X'
#include <rathole/config/parse.hpp>
X
caught $h/app/a.hpp '1: `app` must not include `sim`' << 'X'
#include <rathole/sim/world.hpp>
X
caught $h/io/a.hpp '1: `io` must not include `umbrella`' << 'X'
#include <rathole/rathole.hpp>
X
caught $h/io/udp/a.hpp '1: `io/udp` must not include io/relay/relay.hpp' << 'X'
#include <rathole/io/relay/relay.hpp>
X
caught $h/io/attic/a.hpp '1: room `attic` of io is unknown' << 'X'
#pragma once
X
caught $h/gadgets/a.hpp '1: folder `gadgets` is in no layer' << 'X'
#pragma once
X
caught $h/transport/a.hpp '1: tests RATHOLE_WITH_... but has nothing in `inline RATHOLE_ABI`' << 'X'
#if RATHOLE_WITH_TLS
namespace rathole::transport { inline constexpr bool has_tls = true; }
#endif
X
passes $h/transport/a.hpp << 'X'
#if RATHOLE_WITH_TLS
namespace rathole::transport::inline RATHOLE_ABI { inline constexpr bool has_tls = true; }
#endif
X
caught $h/embed/a.hpp '1: open `namespace rathole::inline RATHOLE_ABI`' << 'X'
namespace rathole::embed { class core; }
X
passes $h/embed/a.hpp << 'X'
namespace rathole::embed::inline RATHOLE_ABI { class core; }
X
passes $h/embed/a.hpp << 'X'
namespace rathole::embed::inline RATHOLE_ABI::detail { class part; }
X
caught $h/client.hpp '1: open `namespace rathole::inline RATHOLE_ABI`' << 'X'
namespace rathole { class client; }
X
caught $h/protocol/a.hpp '1: `protocol` must not include asio' << 'X'
#include <asio/io_context.hpp>
X
caught $h/config/types.hpp '1: `config` must not include toml++' << 'X'
#include <toml++/toml.h>
X
caught $h/io/a.hpp '1: `io` must not include spdlog' << 'X'
#include <spdlog/spdlog.h>
X
caught $h/protocol/a.hpp '1: `protocol` must not include <sys/socket.h>' << 'X'
#include <sys/socket.h>
X
caught $h/core/a.hpp '1: include with quotation marks' << 'X'
#include "bytes.hpp"
X
caught $h/protocol/a.hpp '1: `protocol` must not read a clock' << 'X'
auto now = rathole::clock::now();
X
caught $h/tls/a.hpp '1: files are read by core/read_file.hpp only' << 'X'
auto file = std::fopen(path.c_str(), "rb");
X
caught $h/io/a.hpp '1: files are read by core/read_file.hpp only' << 'X'
int fd = ::open(path.c_str(), O_RDONLY);
X
caught $h/io/a.hpp '1: core/last_error.hpp makes an error of errno' << 'X'
return failure({errno, std::system_category()});
X
caught $h/app/a.hpp '1: only app/main.hpp names the standard streams' << 'X'
std::cerr << "Error: " << what;
X
caught $h/client/a.hpp '1: `detached` only in io/run/task_group.hpp' << 'X'
co_spawn(context, run(), asio::detached);
X
awk 'BEGIN { for (i = 0; i < 351; i++) print "" }' |
  caught $h/core/long.hpp '351: header of more than 350 lines'

caught examples/a.cpp '2: co_await in the condition of a loop or switch' << 'X'
task f() {
  while (auto x = co_await next()) use(x);
}
X
caught $h/io/a.hpp '1: co_await in the condition of a loop or switch' << 'X'
switch (g(co_await next())) {
X
caught $h/io/a.hpp '1: `?:` in an expression with co_await' << 'X'
auto x = ready ? 1
               : co_await next();
X
caught $h/io/a.hpp '1: capturing lambda in an expression with co_await' << 'X'
co_await co_spawn(executor, [this] { return run(); }, token);
X
caught $h/io/a.hpp '1: capturing lambda in an expression with co_await' << 'X'
co_await visit([&](auto& x) { return x.run(); }, y);
X
caught $h/io/a.hpp '1: braced list in an expression with co_await' << 'X'
co_await connect(host, {.port = 1});
X

passes $h/io/run/task_group.hpp << 'X'
#include <rathole/config/parse.hpp>
#include <rathole/core/bytes.hpp>
#include <asio/detached.hpp>
#include <sys/socket.h>
co_spawn(context, run(), asio::detached);
X
passes $h/crypto/system_rng.hpp << 'X'
#include <rathole/core/bytes.hpp>
#include <sys/random.h>
X
passes examples/a.cpp << 'X'
// while (co_await x) ? [this] {}
task f() {
  while (more) co_await next();
  auto [ec, n] = co_await read(buffers[i], "a ? b");
  if (auto r = co_await next(); !r) co_return r;
  co_await co_spawn(executor, [] { return run(); }, token);
  bool b = a ? c : d;
  co_await read(x[i], y[j]);
}
X

[ $failures = 0 ] && echo "every planted violation was caught"
exit $failures
