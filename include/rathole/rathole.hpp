#pragma once

/// Includes the whole library except for the reader of configuration files
/// (`rathole/config/load.hpp`, which needs toml++) and the program (`rathole/app/main.hpp`). It
/// needs standalone Asio.

#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/visit.hpp>
#include <rathole/version.hpp>
