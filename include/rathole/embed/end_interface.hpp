#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/core/time.hpp>
#include <rathole/embed/operation.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <asio/any_io_executor.hpp>

#include <string>
#include <system_error>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// What the public class of one end of a tunnel sees of its implementation: declarations alone, so
/// that the implementation can be compiled separately. `Block` is `config::client` or
/// `config::server`. See `end_core` for the implementation.
template <class Block>
class end_interface {
 public:
  /// The type of the settings.
  using settings_type = Block;
  /// The type of the settings of a service.
  using service_type = typename decltype(Block::services)::value_type;

  end_interface(const end_interface&) = delete;
  end_interface& operator=(const end_interface&) = delete;
  /// Destroys the end, of which nothing runs.
  virtual ~end_interface() = default;

  // These functions may be called by any thread.

  /// Returns the executor of the control plane, where the end lives.
  [[nodiscard]] virtual io::executor home_executor() const = 0;
  /// Returns the executor of handlers that have none.
  [[nodiscard]] virtual const asio::any_io_executor& fallback_executor() const = 0;
  /// Closes the end soon, where it lives; see `tunnel_end::close`.
  virtual void post_close() = 0;
  /// Shuts the end down soon, where it lives; see `tunnel_end::shutdown`.
  virtual void post_shutdown() = 0;
  /// Follows traffic soon; see `tunnel_end::follow_traffic`.
  virtual void post_follow_traffic() = 0;
  /// Ends what the public object owned, which is destroyed: calls the observer and the hooks no more,
  /// and shuts the end down soon.
  virtual void abandon() = 0;
  /// Returns what is wrong with the last settings that could not be used.
  [[nodiscard]] virtual std::vector<config::problem> problems() const = 0;
  /// Returns the text of an error; see `tunnel_end::explain`.
  [[nodiscard]] virtual std::string explain(std::error_code ec) const = 0;

  // These functions must be called where the end lives. They call `done` once.

  /// Runs until nothing is left; see `tunnel_end::async_run`.
  virtual void run(completion<> done, const cancellation_pointer& cancel) = 0;
  /// Applies new settings beside the services that were added; see `tunnel_end::async_update`.
  virtual void update(Block next, completion<> done) = 0;
  /// Adds a service. Completes with the reason why there cannot be one.
  virtual void add(service_type service, completion<> done) = 0;
  /// Removes a service that was added; active connections continue. Fails with
  /// `errc::service_not_exist` if there is none.
  virtual void remove(const std::string& name, completion<> done) = 0;
  /// Closes the end, and waits for its connections; see `tunnel_end::async_drain`.
  virtual void drain(duration timeout, completion<> done) = 0;

 protected:
  /// Makes an end that has not started.
  end_interface() = default;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
