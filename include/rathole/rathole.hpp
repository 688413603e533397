#pragma once

/// Includes what runs a client or a server: both of them, the runtime on Asio, and the transports
/// that are built in. It needs standalone Asio. Not included are the reader of configuration files
/// (`rathole/config/load.hpp`, which needs toml++), the simulated network (`rathole/sim/world.hpp`)
/// and the program (`rathole/app/main.hpp`).

#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/visit.hpp>
#include <rathole/version.hpp>
