#pragma once

#include <rathole/admin/api.hpp>
#include <rathole/admin/backend.hpp>
#include <rathole/admin/control_plane.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/http_server.hpp>
#include <rathole/admin/listen.hpp>
#include <rathole/admin/service_editor.hpp>
#include <rathole/config/admin.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/socket_permissions.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/run/background_thread.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/run/signal_block.hpp>
#include <rathole/io/run/task_group.hpp>
#include <rathole/io/unix/socket_file.hpp>
#include <rathole/io/workers.hpp>
#include <rathole/transport/layer_maker.hpp>

#include <asio/post.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace rathole::admin {

/// The admin API of a program, on a thread of its own that lets those of the tunnel go first. It is made and stopped on the control plane.
class admin_thread {
 public:
  /// A running API. When the last owner drops it, it is destroyed on the control plane, but later, because
  /// work for it may be ending there.
  using pointer = std::shared_ptr<admin_thread>;

  /// What the API serves.
  struct source {
    /// The program; outlives the thread.
    backend& program;
    /// The executor of the control plane.
    io::executor home;
    /// The events; outlive the thread.
    event_log& events;
    /// The configuration file.
    std::string path;
    /// The side that runs.
    config::side side;
  };

  /// Listens as `options` say. Fails with the error of the listener.
  static result<pointer> open(source of, const config::admin_options& options,
                              transport::layer_maker layers) {
    const auto destroy = [home = of.home](admin_thread* ended) {
      asio::post(home, [owned = std::unique_ptr<admin_thread>(ended)] {});
    };
    const pointer made(new admin_thread(of, options), destroy);
    made->program_.hold(made);
    auto acceptor = listen(made->context_.get_executor(), options);
    if (!acceptor) return failure(acceptor.error());
    made->file_ = acceptor->file();
    made->server_ = std::make_shared<http_server>(
        io::asio_runtime(made->context_), std::move(*acceptor), std::move(layers),
        [raw = made.get()](const request& asked) { return raw->api_.answer(asked); }, of.events);
    return made;
  }

  admin_thread(const admin_thread&) = delete;
  admin_thread& operator=(const admin_thread&) = delete;
  /// Ends the API.
  ~admin_thread() { stop(); }

  /// Serves from now on, with TLS by the layers that `open` got unless they are empty. Fails if no thread
  /// can be started.
  result<void> start() {
    tasks_.spawn(http_server::run(server_));
    is_subscribed_ = true;
    of_.events.on_events([this] { asio::post(context_, [this] { server_->wake_streams(); }); });
    const io::signal_block quiet;
    try {
      thread_ = std::thread([this] {
        io::run_in_background();
        io::run_context(context_);
      });
    } catch (const std::system_error& error) {
      stop();
      return failure(error.code());
    }
    return {};
  }

  /// Serves as `options` say from now on, which have the same address; requests that are being answered
  /// are answered. Fails with the system's error if the permissions of a socket cannot be changed.
  result<void> use(const config::admin_options& options, transport::layer_maker layers) {
    if (file_) {
      const socket_permissions wanted{.mode = static_cast<std::uint16_t>(options.mode)};
      if (const auto permitted = file_->permit(wanted); !permitted) return permitted;
    }
    asio::post(context_, [this, options, layers = std::move(layers)]() mutable {
      editor_.use(options.services_dir);
      api_.use(options);
      server_->use(std::move(layers));
    });
    return {};
  }

  /// Returns whether the address leads to the API: false if the file of its Unix-domain socket was removed.
  [[nodiscard]] bool can_be_found() const { return !file_ || file_->exists(); }

  /// Accepts no connections from now on; open ones go on.
  void stop_listening() {
    asio::post(context_, [server = server_] { server->stop_listening(); });
    file_.reset();
  }

  /// Ends the API; requests that are being answered are cut. Waits until its thread, which may be waiting
  /// for the disk, has ended.
  void stop() {
    // The events may be gone before an object that was stopped, or never started.
    if (std::exchange(is_subscribed_, false)) of_.events.on_events(nullptr);
    context_.stop();
    if (thread_.joinable()) thread_.join();
    // What is unfinished uses the other members.
    context_.shut_down();
    server_.reset();
    file_.reset();
  }

  /// Returns the address at which the API listens.
  [[nodiscard]] const address& local() const { return server_->local(); }

 private:
  admin_thread(source of, const config::admin_options& options)
      : of_(std::move(of)),
        program_(of_.program, of_.home),
        editor_(program_, of_.path, of_.side, options.services_dir),
        api_(program_, editor_, of_.events, options) {}

  source of_;
  control_plane program_;
  io::thread_context context_;
  service_editor editor_;
  api api_;
  std::shared_ptr<http_server> server_;
  std::shared_ptr<const io::socket_file> file_;
  io::task_group tasks_{context_.get_executor()};
  std::thread thread_;
  bool is_subscribed_ = false;
};

}  // namespace rathole::admin
