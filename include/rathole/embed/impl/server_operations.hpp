#pragma once

#include <rathole/config/types.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/embed/server_core.hpp>
#include <rathole/embed/server_operations.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

RATHOLE_DECL server_pointer make_server(asio::io_context& context, config::server settings,
                                        std::unique_ptr<server_sink> events) {
  return make_end<server_core>(std::make_shared<home>(context), std::move(settings),
                               std::move(events));
}
RATHOLE_DECL server_pointer make_server(asio::any_io_executor fallback, config::server settings,
                                        std::unique_ptr<server_sink> events) {
  return make_end<server_core>(std::make_shared<home>(std::move(fallback)), std::move(settings),
                               std::move(events));
}

}  // namespace rathole::embed::inline RATHOLE_ABI
