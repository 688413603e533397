#pragma once

#include <rathole/app/heap_trimmer.hpp>
#include <rathole/app/serving.hpp>
#include <rathole/core/event_sink.hpp>
#include <rathole/io/task.hpp>

#include <cstddef>
#include <functional>
#include <utility>

namespace rathole::app {

/// What observes the program's instances: their log, what trims the heap after a burst, and the count of
/// services. One type of it for each of client and server, so that the program holds one kind of each.
template <class Log>
class instance_observer {
 public:
  /// `changed` is called when the count of services has changed; `log` outlives the observer.
  instance_observer(io::executor ex, Log& log, std::function<void()> changed)
      : heap_(std::move(ex), log), services_(heap_, std::move(changed)) {}

  template <class Event>
  void on(const Event& event) {
    notify(services_, event);
  }

  /// How many services are served now.
  [[nodiscard]] std::size_t count() const { return services_.count(); }

  /// Ends what would keep the program from ending.
  void cancel() { heap_.cancel(); }

 private:
  heap_trimmer<Log> heap_;
  serving<heap_trimmer<Log>> services_;
};

}  // namespace rathole::app
