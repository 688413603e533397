#pragma once

/// Includes the whole library except for the reader of configuration files
/// (`rathole/config/load.hpp`, which needs toml++), the program (`rathole/app/main.hpp`) and the
/// simulation (`rathole/sim/`). It needs standalone Asio. With `RATHOLE_SEPARATE_COMPILATION` it
/// includes the classes `client`, `server`, `listener`, `stream` and `datagram_listener` alone; see
/// `rathole/src.hpp`.

#include <rathole/client.hpp>
#include <rathole/datagram_listener.hpp>
#include <rathole/listener.hpp>
#include <rathole/server.hpp>
#include <rathole/stream.hpp>
#include <rathole/version.hpp>

#if !RATHOLE_SEPARATE_COMPILATION
#include <rathole/client/client.hpp>
#include <rathole/diagnose.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/visit.hpp>
#endif
