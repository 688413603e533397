#pragma once

#include <rathole/config/types.hpp>
#include <rathole/embed/end_core.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/home.hpp>
#include <rathole/version.hpp>

#include <memory>
#include <utility>

namespace rathole::embed::inline RATHOLE_ABI {

/// What stands behind a `rathole::server`; see `end_core`.
class server_core final : public end_core<config::server, server_sink> {
 public:
  /// Makes a server that has not started. It reports events to `events`.
  server_core(std::shared_ptr<home> where, config::server settings,
              std::unique_ptr<server_sink> events)
      : end_core(std::move(where), std::move(settings), std::move(events)) {}
};

}  // namespace rathole::embed::inline RATHOLE_ABI
