#pragma once

#include <rathole/config/types.hpp>
#include <rathole/core/address.hpp>
#include <rathole/embed/end_interface.hpp>
#include <rathole/embed/event_sink.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/embed/separate.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::inline RATHOLE_ABI {

class stream;

}  // namespace rathole::inline RATHOLE_ABI

namespace rathole::embed::inline RATHOLE_ABI {

/// What a `server` sees of its implementation, the `server_core`.
class server_interface : public end_interface<config::server> {
 public:
  /// Uses `hooks`; see `server::use`. May be called by any thread.
  virtual void post_use(server_side::server_hooks hooks) = 0;
  /// Returns the addresses at which visitors of `service`, or clients if there is none, can connect;
  /// see `server::addresses`. May be called by any thread.
  [[nodiscard]] virtual std::vector<address> addresses(
      std::optional<std::string_view> service) const = 0;
  /// Connects the program with a service; see `server::async_connect`. Must be called where the
  /// server lives.
  virtual void connect(const std::string& service, completion<stream> done,
                       const cancellation_pointer& cancel) = 0;
};

/// An owner of the implementation of a `server`.
using server_pointer = std::shared_ptr<server_interface>;

/// Makes the implementation of a server that lives in `context`.
RATHOLE_DECL server_pointer make_server(asio::io_context& context, config::server settings,
                                        std::unique_ptr<server_sink> events);
/// Makes the implementation of a server that lives on a thread of its own.
RATHOLE_DECL server_pointer make_server(asio::any_io_executor fallback, config::server settings,
                                        std::unique_ptr<server_sink> events);

}  // namespace rathole::embed::inline RATHOLE_ABI
