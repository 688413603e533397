#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/io/run/run_on.hpp>
#include <rathole/io/task.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace rathole::admin {

/// The control plane as the API's thread sees it: work is posted there, and its result comes back. The
/// owner of the API's context exists until such work has ended, because the result is posted to it.
class control_plane {
 public:
  /// Makes a link to `program`, whose functions are called on `home`.
  control_plane(backend& program, io::executor home) : program_(program), home_(std::move(home)) {}

  /// Lets work hold `owner`, which owns the API's context. Must be called before any work.
  void hold(std::weak_ptr<const void> owner) { owner_ = std::move(owner); }

  /// Returns what `work(backend&)` returns on the control plane. It must own what it uses, because the
  /// caller may end before it.
  template <class F>
  io::awaitable<std::invoke_result_t<F&, backend&>> call(F work) {
    return io::run_on(home_, run(owner_.lock(), program_, std::move(work)));
  }

  /// Has the program reload its configuration; see `backend::reload`.
  io::awaitable<reload_outcome> reload() {
    return io::run_on(home_, run_reload(owner_.lock(), program_));
  }

 private:
  template <class F>
  static io::awaitable<std::invoke_result_t<F&, backend&>> run(
      [[maybe_unused]] std::shared_ptr<const void> owner, backend& program, F work) {
    co_return work(program);
  }

  static io::awaitable<reload_outcome> run_reload(
      [[maybe_unused]] std::shared_ptr<const void> owner, backend& program) {
    co_return co_await program.reload();
  }

  backend& program_;
  const io::executor home_;
  std::weak_ptr<const void> owner_;
};

}  // namespace rathole::admin
