#pragma once

#include <rathole/app/instance.hpp>
#include <rathole/app/instance_observer.hpp>
#include <rathole/app/load_file.hpp>
#include <rathole/app/log/advice.hpp>
#include <rathole/app/log/escape.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/reload_text.hpp>
#include <rathole/app/signal_handler.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/app/systemd_notifier.hpp>
#include <rathole/config/diff.hpp>
#include <rathole/io/asio_runtime.hpp>
#include <rathole/io/files/file_watch.hpp>
#include <rathole/io/time/asio_timer.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app {

/// Runs a client or a server until the program is asked to stop, and applies changes of its
/// configuration file. `Block` is `config::client` or `config::server`, and `Log` is the observer
/// that logs. A file that cannot be used changes nothing.
template <class Block, class Log>
class supervisor {
 public:
  /// The prepared transport of an instance; see `transport::prepare`.
  using prepared_type = prepared_of<Block>;

  /// Makes a supervisor for the file at `path`, which was loaded as `loaded`. `log` and what
  /// `set_filter` refers to must outlive it.
  supervisor(std::string path, config::config loaded, logger& log,
             std::function<void(const config::config&)> set_filter)
      : path_(std::move(path)),
        settings_(*block_of<Block>(loaded)),
        configured_log_(loaded.log),
        log_(log),
        set_filter_(std::move(set_filter)),
        threads_(context_, settings_.workers),
        lines_(log_),
        observer_(context_.get_executor(), lines_, [this] { count_services(); }),
        notifier_(context_.get_executor()),
        timer_(context_.get_executor()) {}

  /// Runs to the end. Fails with the system's error if the instance cannot start.
  result<void> run(const prepared_type& prepared) {
    signal_handler signals(context_, stop_signals, [this](int count) { stop(count); });
    signal_handler hangup(context_, reload_signals, [this](int) { reload(); });
    current_ = make(prepared, settings_);
    start(*current_, [this] { started(); });
    io::run_context(context_);
    if (!has_started_) return failure(failure_);
    log_.write(log_level::info, Log::target, "Shutdown");
    signals.cancel();
    hangup.cancel();
    observer_.cancel();
    notifier_.cancel();
    timer_.disarm();
    context_.restart();
    context_.poll();
    // A lookup may be blocked in the system's resolver, which cannot be interrupted.
    if (!context_.stopped()) exit_at_once(log_);
    return {};
  }

 private:
  using instance_type = instance<Block>;
  static constexpr bool is_server = std::is_same_v<Block, config::server>;
  std::unique_ptr<instance_type> make(const prepared_type& prepared, const Block& settings) {
    return make_instance(prepared, io::asio_runtime(context_, threads_), settings, observer_);
  }

  void start(instance_type& what, std::move_only_function<void()> ready) {
    what.start(std::move(ready), [this, &what](std::error_code ec) { ended(what, ec); });
  }

  void started() {
    has_started_ = true;
    watch();
    if constexpr (is_server) {
      report_ready();
      const auto warn = [this] { warn_of_unserved(log_, observer_.unserved(settings_.services)); };
      timer_.arm(clock::now() + unserved_notice, warn);
    } else {
      timer_.arm(clock::now() + settings_.ready_timeout, [this] { report_ready(); });
    }
    count_services();
  }

  /// Watches the file, unless it is a pipe, such as a shell's <(...), which can be read only once.
  void watch() {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path_, ignored)) {
      return log(log_level::warn, "The configuration is no regular file: changes are not followed");
    }
    watch_.emplace(context_.get_executor(), path_, [this] { reload(); });
    log(log_level::info, "Start watching the config");
    // The file may have changed since it was first read.
    apply_loaded(load_file(path_, duration::zero()));
  }

  void count_services() {
    const std::string all = std::to_string(settings_.services.size());
    notifier_.status("Serving " + std::to_string(observer_.count()) + " of " + all + " services");
    if (has_started_ && observer_.count() >= settings_.services.size()) report_ready();
  }

  void report_ready() {
    if (std::exchange(is_ready_, true)) return;
    timer_.disarm();
    notifier_.ready();
  }

  void ended(instance_type& what, std::error_code ec) {
    const auto is_it = [&](const auto& each) { return each.get() == &what; };
    if (const auto at = std::ranges::find_if(draining_, is_it); at != draining_.end()) {
      destroy_later(std::move(*at));
      draining_.erase(at);
    }
    if (next_.get() == &what) return reject(ec);
    if (current_.get() == &what) {
      if (!has_started_) failure_ = ec;
      has_ended_ = true;
    }
    if (has_ended_ && draining_.empty()) context_.stop();
  }

  void stop(int count) {
    if (count > 1) {
      log_.write(log_level::warn, Log::target, "Stopped by a second signal: connections are cut");
      current_->stop_now();
      exit_at_once(log_);
    }
    log_.write(log_level::info, Log::target, "Shuting down gracefully...");
    log_.write(log_level::info, Log::target, grace_text(settings_.shutdown_grace));
    is_stopping_ = true;
    notifier_.stopping();
    if (watch_) watch_->close();
    current_->stop();
    if (next_) next_->stop_now();
    for (const auto& each : draining_) each->stop();
    timer_.arm(clock::now() + settings_.shutdown_grace, [this] {
      for (const auto& each : draining_) each->stop_now();
    });
  }

  /// Reads the file again and applies its changes.
  void reload() {
    if (is_stopping_ || !has_started_) return;
    if (is_busy_) {
      is_due_ = true;
      return;
    }
    log(log_level::info, "Rescan the configuration");
    // A pipe would block all connections until its writer has finished.
    apply_loaded(load_file(path_, duration::zero()));
  }

  void apply_loaded(std::expected<config::document, std::vector<config::problem>> loaded) {
    if (!loaded) {
      for (const auto& problem : loaded.error()) log(log_level::error, to_string(problem));
      return ignore();
    }
    const config::config& file = loaded->settings;
    const Block* const next = block_of<Block>(file);
    if (!next) return ignore(missing_block_text<Block>);
    if (std::exchange(configured_log_, file.log) != file.log) set_filter_(file);
    if (std::exchange(was_ignored_, false) && *next == settings_) {
      log(log_level::info, "The configuration is valid again, and the one in use");
    }
    // A client's services that wait between two attempts try at once.
    if (*next == settings_) return is_server ? void() : current_->update(settings_, [](auto) {});
    for (const auto& warning : loaded->warnings) log(log_level::warn, to_string(warning));
    apply(*next, loaded->where);
  }

  void apply(const Block& next, const config::source& from) {
    std::optional<prepared_type> prepared;
    if (!config::same_transport(settings_, next)) {
      start_report report;
      prepared = add_to(report, next, from, problem_logger(log_));
      for (const std::string& line : report.errors()) log(log_level::error, line);
      if (!prepared) return ignore();
      for (const std::string& line : report.limitations) log(log_level::warn, line);
    }
    try {
      threads_.use(next.workers);
    } catch (const std::system_error& error) {
      return ignore(std::string("Cannot have so many workers: ") + error.what());
    }
    is_busy_ = true;
    // A service manager that waits for the start must continue to wait.
    if (is_ready_) notifier_.reloading();
    for (const std::string& line : changes_text(settings_, next, prepared.has_value())) {
      log(log_level::info, line);
    }
    wanted_ = next;
    if (prepared) return replace(*prepared);
    current_->update(wanted_, [this](std::error_code ec) { ec ? reject(ec) : accept(); });
  }

  /// Starts an instance with another transport, and drains the present one once the new one is
  /// ready.
  void replace(const prepared_type& prepared) {
    log(log_level::info, "Running by " + transport_text(wanted_.transport));
    next_ = make(prepared, wanted_);
    next_->take_over(current_->duplicate_listeners());
    if constexpr (!is_server) current_->drain();
    start(*next_, [this] {
      current_->drain();
      draining_.push_back(std::exchange(current_, std::move(next_)));
      accept();
    });
  }

  void accept() {
    settings_ = std::move(wanted_);
    log(log_level::info, "The changed configuration is in use");
    finish();
  }

  void reject(std::error_code why) {
    if (is_stopping_) return;
    destroy_later(std::move(next_));
    threads_.use(settings_.workers);
    log(log_level::error, start_failure_text(wanted_, why));
    log(log_level::error, "The changed configuration cannot be applied. The old one is in use");
    finish();
  }

  /// Destroys an instance later, because one of its own calls may be running.
  void destroy_later(std::shared_ptr<instance_type> what) {
    asio::post(context_, [gone = std::move(what)] {});
  }

  void finish() {
    is_busy_ = false;
    if (is_ready_) notifier_.ready();
    count_services();
    if (std::exchange(is_due_, false)) reload();
  }

  void ignore(const std::string& why = {}) {
    if (!why.empty()) log(log_level::error, why);
    was_ignored_ = true;
    log(log_level::error, "The changed configuration is invalid. Ignored; the old one is in use");
  }

  void log(log_level level, const std::string& what) {
    log_.write(level, "rathole::config_watcher", printable(what));
  }

  const std::string path_;
  Block settings_;
  std::optional<std::string> configured_log_;
  logger& log_;
  std::function<void(const config::config&)> set_filter_;
  asio::io_context context_{1};
  io::workers threads_;
  Log lines_;
  instance_observer<Log> observer_;
  systemd_notifier notifier_;
  io::asio_timer timer_;
  std::optional<io::file_watch> watch_;
  std::unique_ptr<instance_type> current_;
  /// The instance that is being started to replace the present one.
  std::unique_ptr<instance_type> next_;
  /// The instances that still have active connections.
  std::vector<std::unique_ptr<instance_type>> draining_;
  /// The settings that are being applied.
  Block wanted_;
  std::error_code failure_;
  bool has_started_ = false;
  bool has_ended_ = false;
  bool is_ready_ = false;
  bool is_stopping_ = false;
  bool is_busy_ = false;
  bool was_ignored_ = false;
  /// Whether the file has changed while the last change was being applied.
  bool is_due_ = false;
};

}  // namespace rathole::app
