#pragma once

#include <rathole/app/instance_observer.hpp>
#include <rathole/app/lifecycle.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/reload_text.hpp>
#include <rathole/app/settings_file.hpp>
#include <rathole/app/signal_handler.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/app/systemd_notifier.hpp>
#include <rathole/embed/instance_owner.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace rathole::app::inline RATHOLE_ABI {

/// Runs a client or a server until the program is asked to stop, and applies changes of its
/// configuration file. `Block` is `config::client` or `config::server`, and `Log` is the observer
/// that logs. A `lifecycle` decides what happens when; the supervisor reports events to it and
/// performs its actions. Its instances belong to an `embed::instance_owner`.
template <class Block, class Log>
class supervisor {
 public:
  /// The prepared transport of an instance; see `transport::prepare`.
  using prepared_type = prepared_of<Block>;

  /// Makes a supervisor for the file at `path`, which was loaded as `loaded`. `logs` must outlive it.
  supervisor(std::string path, config::config loaded, log_outputs& logs)
      : settings_(*block_of<Block>(loaded)),
        logs_(logs),
        log_(logs.lines()),
        lifecycle_(readiness_of(settings_)),
        lines_(log_),
        observer_(context_.get_executor(), lines_, logs.access(), [this] { count_services(); }),
        notifier_(context_.get_executor()),
        timer_(context_.get_executor()),
        file_(std::move(path), std::move(loaded.log), logs) {
    instances_->use_workers(settings_.workers);
  }

  /// Runs to the end. Fails with the system's error if the instance cannot start.
  result<void> run(const prepared_type& prepared) {
    signal_handler signals(context_, stop_signals, [this](int count) { stop(count); });
    signal_handler hangup(context_, reload_signals, [this](int) { reload(); });
    signal_handler rotation(context_, reopen_signals, [this](int) { reopen_logs(); });
    const auto started = [this] {
      lifecycle_.started(clock::now());
      perform_actions();
      count_services();
    };
    const auto ended = [this](std::error_code ec) {
      lifecycle_.ended(ec);
      perform_actions();
    };
    instances_->start(settings_, started, ended, &prepared);
    io::run_context(context_);
    if (failure_) return failure(failure_);
    log_.write(log_level::info, Log::target, "Shutdown");
    signals.cancel();
    hangup.cancel();
    rotation.cancel();
    observer_.cancel();
    notifier_.cancel();
    timer_.disarm();
    context_.restart();
    context_.poll();
    // A lookup may be blocked in the system's resolver, which cannot be interrupted.
    if (!context_.stopped()) exit_at_once(logs_);
    return {};
  }

 private:
  using owner_type = embed::instance_owner<Block, instance_observer<Log>>;
  static constexpr bool is_server = std::is_same_v<Block, config::server>;

  static readiness readiness_of(const Block& settings) {
    if constexpr (is_server) return {.on_start = true, .timeout = unserved_notice};
    if constexpr (!is_server) return {.on_start = false, .timeout = settings.ready_timeout};
  }

  /// Performs what the lifecycle wants done, one action after the other, until it wants nothing.
  void perform_actions() {
    // An action may report the next event, whose actions follow when it is complete.
    if (std::exchange(is_performing_actions_, true)) return;
    while (const auto action = lifecycle_.poll(clock::now())) perform(*action);
    is_performing_actions_ = false;
    if (const auto at = lifecycle_.deadline()) {
      timer_.arm(*at, [this] { perform_actions(); });
    } else {
      timer_.disarm();
    }
  }

  void perform(const lifecycle_action& action) {
    using kind = lifecycle_action::kind;
    switch (action.what) {
      case kind::watch_file: return watch_file();
      case kind::read_file:
        file_.log(log_level::info, "Rescan the configuration");
        return read_file();
      case kind::apply_settings: return apply_settings();
      case kind::accept_settings: return accept_settings();
      case kind::reject_settings: return reject_settings(action.error);
      case kind::warn_unserved:
        return warn_of_unserved(log_, observer_.unserved(settings_.services));
      case kind::stop_instances: return stop_instances();
      case kind::abort_draining: return instances_->abort_replaced();
      case kind::exit: return exit(action.error);
      case kind::notify_ready: return notifier_.ready();
      case kind::notify_reloading: return notifier_.reloading();
      case kind::notify_stopping: return notifier_.stopping();
    }
  }

  void count_services() {
    const std::string all = std::to_string(settings_.services.size());
    notifier_.status("Serving " + std::to_string(observer_.count()) + " of " + all + " services");
    if (observer_.count() < settings_.services.size()) return;
    lifecycle_.all_served();
    perform_actions();
  }

  void stop(int count) {
    if (count > 1) {
      log_.write(log_level::warn, Log::target, "Stopped by a second signal: connections are cut");
      instances_->stop_now();
      exit_at_once(logs_);
    }
    log_.write(log_level::info, Log::target, "Shuting down gracefully...");
    log_.write(log_level::info, Log::target, grace_text(settings_.shutdown_grace));
    lifecycle_.stop_requested(clock::now() + settings_.shutdown_grace);
    perform_actions();
  }

  void reload() {
    lifecycle_.reload_requested();
    perform_actions();
  }

  void reopen_logs() {
    for (const auto& wrong : logs_.reopen()) log_.write(log_level::error, "rathole", wrong);
    log_.write(log_level::info, "rathole", "The log files were opened again");
  }

  void watch_file() {
    if (!file_.watch(context_.get_executor(), [this] { reload(); })) return;
    // The file may have changed since it was first read.
    read_file();
  }

  /// Reads the file, and reports to the lifecycle what it changes.
  void read_file() {
    auto next = file_.read(settings_);
    if (!next) return;
    if (next->block == settings_) {
      // A client's services that wait between two attempts try at once.
      if constexpr (!is_server) instances_->update(settings_, [](std::error_code) {});
      return;
    }
    try {
      instances_->use_workers(next->block.workers);
    } catch (const std::system_error& error) {
      return file_.ignore(std::string("Failed to start the worker threads: ") + error.what());
    }
    for (const auto& line : changes_text(settings_, next->block, next->prepared.has_value())) {
      file_.log(log_level::info, line);
    }
    wanted_ = std::move(*next);
    lifecycle_.change_found();
  }

  void apply_settings() {
    if (wanted_.prepared) {
      file_.log(log_level::info, "Running by " + transport_text(wanted_.block.transport));
    }
    const auto done = [this](std::error_code ec) {
      lifecycle_.change_done(ec);
      perform_actions();
    };
    instances_->update(wanted_.block, done, std::exchange(wanted_.prepared, std::nullopt));
  }

  void accept_settings() {
    settings_ = std::move(wanted_.block);
    file_.log(log_level::info, "The changed configuration is in use");
    count_services();
  }

  void reject_settings(std::error_code why) {
    file_.log(log_level::error, reload_failure_text(settings_, wanted_.block, why));
    file_.log(log_level::error,
              "The changed configuration cannot be applied. The old one is in use");
    count_services();
  }

  void stop_instances() {
    file_.close();
    instances_->stop();
  }

  void exit(std::error_code why) {
    failure_ = why;
    context_.stop();
  }

  Block settings_;
  log_outputs& logs_;
  logger& log_;
  lifecycle lifecycle_;
  asio::io_context context_{1};
  Log lines_;
  instance_observer<Log> observer_;
  systemd_notifier notifier_;
  /// Expires at the deadline of the lifecycle.
  io::asio_timer timer_;
  settings_file<Block> file_;
  std::shared_ptr<owner_type> instances_ = std::make_shared<owner_type>(context_, observer_);
  /// The settings that are being applied.
  read_settings<Block> wanted_;
  /// Why the program could not start.
  std::error_code failure_;
  bool is_performing_actions_ = false;
};

}  // namespace rathole::app::inline RATHOLE_ABI
