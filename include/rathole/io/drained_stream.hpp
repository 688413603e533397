#pragma once

#include <rathole/core/error.hpp>
#include <rathole/io/drain.hpp>
#include <rathole/io/run/stop_action.hpp>
#include <rathole/io/stream/shared_stream.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace rathole::io {

/// Aborts a `shared_stream` as the `drain_stops` of its client or server demand: at once, or once it
/// has been idle for so long. It must be made and destroyed on the stream's thread.
template <Runtime R>
class drained_stream {
 public:
  /// Watches `stops` for `stream`, which lives in `runtime`.
  drained_stream(R& runtime, std::shared_ptr<shared_stream> stream, const drain_stops& stops)
      : runtime_(runtime),
        stream_(std::move(stream)),
        stops_(stops),
        idle_(runtime),
        on_cut_(stops.now.get_token(), runtime.get_executor(),
                [this] { stream_->cut(errc::stopped); }),
        on_idle_(stops.when_idle.get_token(), runtime.get_executor(), [this] { watch(); }) {}

 private:
  void watch() {
    uses_ = stream_->uses();
    idle_.arm(runtime_.now() + stops_.idle.load(), [this] {
      if (uses_ == stream_->uses()) return stream_->abort(errc::timed_out);
      watch();
    });
  }

  R& runtime_;
  const std::shared_ptr<shared_stream> stream_;
  const drain_stops& stops_;
  std::uint64_t uses_ = 0;
  typename R::timer idle_;
  stop_action on_cut_;
  stop_action on_idle_;
};

}  // namespace rathole::io
