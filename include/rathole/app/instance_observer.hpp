#pragma once

#include <rathole/app/heap_trimmer.hpp>
#include <rathole/app/service_counter.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/io/task.hpp>

#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::app {

/// Observes the instances of the program: passes events to their log and to `Others`, which are observers
/// too, trims the heap after a burst, and counts the services.
template <class Log, class... Others>
class instance_observer {
 public:
  /// Makes an observer. `changed` is called when the number of services has changed; `log` and `others`
  /// must outlive the observer.
  instance_observer(io::executor ex, Log& log, std::function<void()> changed, Others&... others)
      : others_(others...), heap_(std::move(ex), log), services_(heap_, std::move(changed)) {}

  /// Passes `event` on.
  template <class Event>
  void on(const Event& event) {
    std::apply([&]([[maybe_unused]] Others&... each) { (notify(each, event), ...); }, others_);
    notify(services_, event);
  }

  /// Returns how many services are served now.
  [[nodiscard]] std::size_t count() const { return services_.count(); }

  /// Returns the names of services that no client serves; see `service_counter::unserved`.
  template <class Service>
  [[nodiscard]] std::string unserved(const std::vector<Service>& services) const {
    return services_.unserved(services);
  }

  /// Cancels what would keep the context running.
  void cancel() { heap_.cancel(); }

 private:
  std::tuple<Others&...> others_;
  heap_trimmer<Log> heap_;
  service_counter<heap_trimmer<Log>> services_;
};

}  // namespace rathole::app
