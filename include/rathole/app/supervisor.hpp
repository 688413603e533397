#pragma once

#include <rathole/app/instance_observer.hpp>
#include <rathole/app/lifecycle.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/operate.hpp>
#include <rathole/app/operation_hooks.hpp>
#include <rathole/app/reload_text.hpp>
#include <rathole/app/settings_file.hpp>
#include <rathole/app/settings_source.hpp>
#include <rathole/app/signal_handler.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/app/start_workers.hpp>
#include <rathole/app/systemd_notifier.hpp>
#include <rathole/config/parse.hpp>
#include <rathole/embed/instance_owner.hpp>
#include <rathole/io/run/run_context.hpp>
#include <rathole/io/time/asio_timer.hpp>
#include <rathole/server/hooks.hpp>
#include <rathole/version.hpp>

#include <asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

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

  /// Makes a supervisor for the configuration `file`, as it was loaded from `from`. `logs` must outlive it.
  supervisor(const config::document& file, const settings_source& from, log_outputs& logs)
      : settings_(*block_of<Block>(file.settings)),
        where_(file.where),
        logs_(logs),
        log_(logs.lines()),
        lifecycle_(readiness_of(settings_)),
        lines_(log_),
        operations_(context_.get_executor(), file.where.file(), logs, hooks()),
        observer_(
            context_.get_executor(), lines_, [this] { count_services(); }, logs.access(),
            operations_),
        notifier_(context_.get_executor()),
        timer_(context_.get_executor()),
        file_(from, file.settings.log, logs) {}

  /// Starts the worker threads, and begins to serve the admin API if the settings have one. Fails with
  /// the reason.
  std::expected<void, start_failure> start() {
    if (auto started = start_workers(*instances_, settings_.workers); !started) return started;
    return operations_.use(settings_, where_);
  }

  /// Runs to the end. Fails with the system's error if the instance cannot start.
  result<void> run(const prepared_type& prepared) {
    signal_handler signals(context_, stop_signals, [this](int count) { stop(count); });
    signal_handler hangup(context_, reload_signals, [this](int) { reload(); });
    signal_handler rotation(context_, reopen_signals, [this](int) { reopen_logs(); });
    const auto started = [this] {
      operations_.started();
      lifecycle_.started(clock::now());
      perform_actions();
      count_services();
    };
    const auto ended = [this](std::error_code ec) {
      lifecycle_.ended(ec);
      perform_actions();
    };
    instances_->start(for_instances(settings_), started, ended, &prepared);
    io::run_context(context_);
    operations_.stop();
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
  using observer_type = instance_observer<Log, access_log, operations<Block>>;
  using owner_type = embed::instance_owner<Block, observer_type>;
  using instance_type = typename owner_type::instance_type;
  static constexpr bool is_server = std::is_same_v<Block, config::server>;

  static readiness readiness_of(const Block& settings) {
    if constexpr (is_server) return {.on_start = true, .timeout = unserved_notice};
    if constexpr (!is_server) return {.on_start = false, .timeout = settings.ready_timeout};
  }

  operation_hooks hooks() {
    operation_hooks out;
    out.reload_obstacle = [this] { return reload_obstacle(); };
    out.reload = [this] { reload(); };
    out.apply_draining = [this] { apply_draining(); };
    if constexpr (is_server) {
      out.pools = [this] {
        return instances_->running() ? instances_->running()->pools()
                                     : std::vector<embed::service_pool>();
      };
    }
    return out;
  }

  /// Prepares an instance that has not started.
  void prepare(instance_type& made) {
    if constexpr (is_server) {
      auto decisions = std::make_shared<server_side::server_hooks>();
      decisions->draining = operations_.draining();
      made.use(std::move(decisions));
    }
    // Connections of all instances are in one list.
    constexpr int numbers_of_instance = 32;
    made.number_connections_from((instances_made_++ << numbers_of_instance) + 1);
    if (operations_.is_enabled()) made.follow_traffic();
  }

  /// Returns `settings` as instances get them: without what is the program's, and, for a client that
  /// drains, without services, whose control channels then end while connections go on.
  [[nodiscard]] Block for_instances(Block settings) const {
    settings.admin.reset();
    if constexpr (!is_server) {
      if (operations_.is_draining()) settings.services.clear();
    }
    return settings;
  }

  [[nodiscard]] std::optional<std::string> reload_obstacle() const {
    if (!lifecycle_.can_reload()) return "The program is starting or stopping.";
    if (file_.is_watched()) return std::nullopt;
    return "The configuration is no regular file, so it can be read only once.";
  }

  void apply_draining() {
    if constexpr (!is_server) instances_->update(for_instances(settings_), [](std::error_code) {});
    count_services();
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
    operations_.set_unready(unready_text());
    if (observer_.count() < settings_.services.size()) return;
    lifecycle_.all_served();
    perform_actions();
  }

  /// Returns why the program is not ready; empty if it is. A server is ready once it listens for clients,
  /// a client while all its control channels are established.
  [[nodiscard]] std::string unready_text() const {
    if constexpr (is_server) return {};
    const std::size_t all = settings_.services.size();
    if (observer_.count() >= all) return {};
    return std::to_string(observer_.count()) + " of " + std::to_string(all) +
           " services have a control channel";
  }

  void stop(int count) {
    if (count > 1) {
      log_.write(log_level::warn, Log::target, "Stopped by a second signal: connections are cut");
      instances_->stop_now();
      exit_at_once(logs_);
    }
    log_.write(log_level::info, Log::target, "Shuting down gracefully...");
    log_.write(log_level::info, Log::target, grace_text(settings_.shutdown_grace));
    operations_.stopping();
    lifecycle_.stop_requested(clock::now() + settings_.shutdown_grace);
    perform_actions();
  }

  void reload() {
    lifecycle_.reload_requested();
    perform_actions();
  }

  void reopen_logs() {
    const auto problems = logs_.reopen();
    for (const auto& wrong : problems) log_.write(log_level::error, "rathole", wrong);
    if (problems.empty()) {
      log_.write(log_level::info, "rathole", "The log files were opened again");
    }
  }

  void watch_file() {
    if (!file_.watch(context_.get_executor(), [this] { reload(); })) return;
    // The file may have changed since it was first read.
    read_file();
  }

  /// Reads the file, and reports to the lifecycle what it changes.
  void read_file() {
    operations_.reload_begins();
    auto next = file_.read(settings_);
    if (!next) return operations_.reload_invalid(file_.problems(), file_.obstacle());
    if (next->block == settings_) return use_unchanged(std::move(*next));
    if (const auto started = start_workers(*instances_, next->block.workers); !started) {
      file_.ignore(started.error().text);
      return operations_.reload_failed(file_.obstacle());
    }
    for (const auto& line : changes_text(settings_, next->block, next->prepared.has_value())) {
      file_.log(log_level::info, line);
    }
    wanted_ = std::move(*next);
    lifecycle_.change_found();
  }

  /// Reports that only the logs have changed, if anything. What could not be had before is tried again: the
  /// admin API, and a client's services that wait between two attempts.
  void use_unchanged(read_settings<Block> same) {
    // A service may have moved to another file.
    where_ = std::move(same.where);
    if constexpr (!is_server) {
      instances_->update(for_instances(settings_), [](std::error_code) {});
    }
    if (const auto served = operations_.use(settings_, where_); !served) {
      file_.log(log_level::error, served.error().text);
      return operations_.reload_failed(served.error().text);
    }
    if (same.has_new_logs) return operations_.reload_applied();
    operations_.reload_unchanged();
  }

  void apply_settings() {
    if (wanted_.prepared) {
      file_.log(log_level::info, "Running by " + transport_text(wanted_.block.transport));
    }
    const auto done = [this](std::error_code ec) {
      lifecycle_.change_done(ec);
      perform_actions();
    };
    instances_->update(for_instances(wanted_.block), done,
                       std::exchange(wanted_.prepared, std::nullopt));
  }

  void accept_settings() {
    settings_ = std::move(wanted_.block);
    where_ = std::move(wanted_.where);
    const auto served = operations_.use(settings_, where_);
    if (!served) file_.log(log_level::error, served.error().text);
    const std::string but = served ? "" : ", except for `admin`";
    file_.log(log_level::info, "The changed configuration is in use" + but);
    if (operations_.is_enabled() && instances_->running()) instances_->running()->follow_traffic();
    count_services();
    if (!served) return operations_.reload_failed(served.error().text);
    operations_.reload_applied();
  }

  void reject_settings(std::error_code why) {
    const std::string text = reload_failure_text(settings_, wanted_.block, why);
    file_.log(log_level::error, text);
    file_.log(log_level::error,
              "The changed configuration cannot be applied. The old one is in use");
    count_services();
    operations_.reload_failed(text);
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
  /// The files and positions of the settings.
  config::source where_;
  log_outputs& logs_;
  logger& log_;
  lifecycle lifecycle_;
  asio::io_context context_{1};
  Log lines_;
  operations<Block> operations_;
  observer_type observer_;
  systemd_notifier notifier_;
  /// Expires at the deadline of the lifecycle.
  io::asio_timer timer_;
  settings_file<Block> file_;
  std::shared_ptr<owner_type> instances_ = std::make_shared<owner_type>(
      context_, observer_, [this](instance_type& made) { prepare(made); });
  std::uint64_t instances_made_ = 0;
  /// The settings that are being applied.
  read_settings<Block> wanted_;
  /// Why the program could not start.
  std::error_code failure_;
  bool is_performing_actions_ = false;
};

}  // namespace rathole::app::inline RATHOLE_ABI
