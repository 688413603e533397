#pragma once

/// The whole library but what reads configuration files (`rathole/config/load.hpp`, which needs
/// toml++) and the program (`rathole/app/main.hpp`). Needs standalone Asio.

#include <rathole/client/client.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/server/server.hpp>
#include <rathole/transport/select.hpp>
#include <rathole/version.hpp>
