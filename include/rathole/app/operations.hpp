#pragma once

#include <rathole/admin/backend.hpp>
#include <rathole/admin/config_json.hpp>
#include <rathole/admin/event_log.hpp>
#include <rathole/admin/json.hpp>
#include <rathole/admin/snapshot.hpp>
#include <rathole/admin/statistics.hpp>
#include <rathole/admin/traffic_recorder.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/outputs.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/operation_hooks.hpp>
#include <rathole/app/served_api.hpp>
#include <rathole/config/port_range.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/toml_service.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/observer.hpp>
#include <rathole/io/run/event.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Operates a program through the admin API, if the settings have one: keeps the statistics, and performs
/// what the API asks for. It lives on the control plane. `Block` is `config::server` or `config::client`.
template <class Block>
class operations final : public admin::backend {
 public:
  /// Makes an object whose API is not served yet. `logs` must outlive it.
  operations(io::executor home, std::string path, log_outputs& logs, operation_hooks hooks)
      : home_(std::move(home)),
        logs_(logs),
        log_(logs.lines()),
        hooks_(std::move(hooks)),
        statistics_(events_),
        traffic_(home_, statistics_),
        api_({.program = *this,
              .home = home_,
              .events = events_,
              .path = std::move(path),
              .side = own_side},
             log_) {}

  /// Uses `settings`, which are those in use from now on, from the files of `where`: serves the API as
  /// they say. Returns why it cannot be served; the old one is then served on, if there was one.
  std::expected<void, start_failure> use(const Block& settings, const config::source& where) {
    settings_ = settings;
    describe_services(where);
    if (auto served = api_.use(settings.admin); !served) return served;
    if (settings.admin && !std::exchange(is_enabled_, true)) traffic_.start();
    return {};
  }

  /// Returns whether the API is served, or was: whether statistics are kept.
  [[nodiscard]] bool is_enabled() const { return is_enabled_; }

  /// Passes an event to the statistics. Those of each visitor are only kept while the API is served, the
  /// others always, so that the state of the services is known when it begins to be.
  template <class Event>
  void on(const Event& event) {
    if (is_enabled_ || !concerns_visitor<Event>) notify(statistics_, event);
  }

  /// Returns whether new visitors are refused.
  [[nodiscard]] bool is_draining() const { return *draining_; }
  /// Returns the flag for `server_side::server_hooks`.
  [[nodiscard]] std::shared_ptr<const std::atomic<bool>> draining() const { return draining_; }

  /// Records that the program serves.
  void started() { state_ = admin::program_state::running; }
  /// Records why the program is not ready; empty if it is. Does nothing once it is stopping.
  void set_unready(std::string why) {
    if (state_ != admin::program_state::stopping) unready_ = std::move(why);
  }
  /// Records that the program was asked to stop. The API's address is free soon, for a program that
  /// takes its place; open connections go on.
  void stopping() {
    state_ = admin::program_state::stopping;
    unready_ = "stopping";
    api_.stop_listening();
  }

  /// Records that the changes of the configuration are in use.
  void reload_applied() { reload_ended({.what = outcome_kind::applied}); }
  /// Records that the configuration has not changed.
  void reload_unchanged() { reload_ended({.what = outcome_kind::unchanged}); }
  /// Records that the configuration cannot be used.
  void reload_invalid(std::vector<config::problem> problems, std::string why) {
    reload_ended({outcome_kind::invalid, std::move(problems), std::move(why)});
  }
  /// Records that the configuration is valid, but could not be applied.
  void reload_failed(std::string why) { reload_ended({outcome_kind::failed, {}, std::move(why)}); }

  /// Records that the configuration is read now: reloads that were asked for before end with it.
  void reload_begins() {
    read_by_.insert(read_by_.end(), asked_.begin(), asked_.end());
    asked_.clear();
  }

  /// Ends the API.
  void stop() {
    traffic_.stop();
    api_.stop();
    for (auto* const list : {&asked_, &read_by_}) {
      for (auto& each : std::exchange(*list, {})) {
        each->finish({.what = outcome_kind::impossible, .reason = "The program is stopping."});
      }
    }
  }

  // What the API asks for.

  [[nodiscard]] std::string unready(bool needs_services) override {
    const std::string why = unready_reason();
    if (!why.empty()) return why;
    // Nobody needs a token to read this, so it does not say which one.
    if (!statistics_.unbound().empty()) return "the port of a service cannot be bound";
    return needs_services ? admin::unserved_text(statistics_.services()) : std::string();
  }

  [[nodiscard]] admin::snapshot read() override {
    std::string why = unready_reason();
    if (why.empty()) why = statistics_.unbound();
    if (hooks_.pools) {
      statistics_.clear_pools();
      for (const auto& [name, counts, clients] : hooks_.pools()) {
        statistics_.set_pool(name, counts.idle, counts.waiting + counts.starting);
        std::vector<admin::client_statistics> serving;
        serving.reserve(clients.size());
        for (const auto& each : clients) {
          serving.push_back({each.address, each.visitors, each.is_skipped});
        }
        statistics_.set_clients(name, std::move(serving));
      }
    }
    return {.is_server = is_server,
            .transport = config::name_of(settings_.transport.kind),
            .state = is_draining() && state_ == admin::program_state::running
                         ? admin::program_state::draining
                         : state_,
            .unready = std::move(why),
            .started = started_,
            .counters = statistics_.counters(),
            .totals = statistics_.totals(),
            .services = statistics_.services()};
  }

  [[nodiscard]] admin::connection_list connections(const std::optional<std::string>& service,
                                                   std::size_t most) override {
    return statistics_.connections(service, most);
  }

  [[nodiscard]] admin::traffic recent_traffic() override { return traffic_.recent(); }

  [[nodiscard]] std::string settings_text() override {
    return admin::dump(admin::config_json(settings_));
  }

  bool cut(std::uint64_t id) override {
    if (!statistics_.cut(id)) return false;
    log_request("The connection " + std::to_string(id) + " is reset");
    return true;
  }

  void service_edited(const std::string& name, std::string_view how) override {
    statistics_.note("service_edited", std::string(how), name);
    log_request("The service `" + printable(name) + "` was " + std::string(how));
  }

  io::awaitable<admin::reload_outcome> reload() override {
    if (auto why = hooks_.reload_obstacle()) {
      co_return admin::reload_outcome{.what = admin::reload_outcome::kind::impossible,
                                      .reason = std::move(*why)};
    }
    log_request("The configuration is read again");
    const auto mine = std::make_shared<asked_reload>(home_);
    asked_.push_back(mine);
    hooks_.reload();
    co_await mine->ended.wait();
    co_return mine->outcome;
  }

  void drain(bool on) override {
    if (draining_->exchange(on) == on) return;
    statistics_.note(on ? "draining" : "undrained");
    log_request(on ? "New visitors are refused from now on; open connections go on"
                   : "New visitors are accepted again");
    hooks_.apply_draining();
  }

  [[nodiscard]] std::string log_level() override { return logs_.level(); }

  bool set_log_level(std::string_view text) override {
    if (!logs_.set_level(text)) return false;
    log_request("The log level is now " + printable(std::string(text)));
    return true;
  }

 private:
  /// Returns why the program as a whole is not ready; empty if it is.
  [[nodiscard]] std::string unready_reason() const {
    return state_ != admin::program_state::stopping && is_draining() ? "draining" : unready_;
  }

  using outcome_kind = admin::reload_outcome::kind;
  static constexpr bool is_server = std::is_same_v<Block, config::server>;
  static constexpr config::side own_side = is_server ? config::side::server : config::side::client;
  /// Whether there is an `Event` for each visitor, or more.
  template <class Event>
  static constexpr bool concerns_visitor =
      (requires(const Event& of) { of.visitor; }) || (requires(const Event& of) { of.id; }) ||
      (requires(const Event& of) { of.visitors; });
  /// A reload that the API has asked for.
  struct asked_reload {
    explicit asked_reload(const io::executor& home) : ended(home) {}
    void finish(const admin::reload_outcome& how) {
      outcome = how;
      ended.notify();
    }
    io::event ended;
    admin::reload_outcome outcome;
  };

  /// Logs what the API has changed.
  void log_request(const std::string& what) {
    log_.write(log_level::info, "rathole::admin", what + ", by the admin API");
  }

  /// Records how a reload ended, and passes it to those who asked for one.
  void reload_ended(admin::reload_outcome outcome) {
    using kind = outcome_kind;
    admin::program_counters& counters = statistics_.counters();
    counters.reloads_applied += outcome.what == kind::applied ? 1 : 0;
    counters.reloads_invalid += outcome.what == kind::invalid ? 1 : 0;
    counters.reloads_failed += outcome.what == kind::failed ? 1 : 0;
    counters.is_last_reload_good = outcome.what == kind::applied || outcome.what == kind::unchanged;
    if (outcome.what == kind::applied) statistics_.note("reloaded");
    if (!counters.is_last_reload_good) statistics_.note("reload_failed", reason_of(outcome));
    for (auto& each : std::exchange(read_by_, {})) each->finish(outcome);
  }

  /// Returns why a reload failed.
  static std::string reason_of(const admin::reload_outcome& of) {
    const auto first =
        std::ranges::find(of.problems, config::severity::error, &config::problem::level);
    if (!of.reason.empty() || first == of.problems.end()) return of.reason;
    const auto count =
        std::ranges::count(of.problems, config::severity::error, &config::problem::level);
    std::string out = config::to_string(*first);
    if (count > 1) out += " (and " + std::to_string(count - 1) + " more)";
    return out;
  }

  void describe_services(const config::source& where) {
    std::vector<admin::service_description> services;
    for (const auto& each : settings_.services) {
      const std::string key = config::service_key(own_side, each.name);
      const config::position* const at = where.find(key);
      admin::service_description one{.name = each.name, .kind = each.kind};
      if (where.key_in_file(key) != key) one.range = config::range_of(each.name);
      one.file = at ? where.files()[at->file] : where.file();
      if constexpr (is_server) {
        for (const address& bound : each.bind_addr) one.addresses.push_back(to_string(bound));
      } else {
        for (const address& local : each.local_addr) one.addresses.push_back(to_string(local));
        for (const address& server : settings_.remote_addr) {
          one.servers.push_back(to_string(server));
        }
      }
      services.push_back(std::move(one));
    }
    statistics_.set_services(services);
  }

  const io::executor home_;
  log_outputs& logs_;
  logger& log_;
  const operation_hooks hooks_;
  Block settings_;
  admin::event_log events_;
  admin::statistics statistics_;
  admin::traffic_recorder traffic_;
  const std::shared_ptr<std::atomic<bool>> draining_ = std::make_shared<std::atomic<bool>>(false);
  admin::program_state state_ = admin::program_state::starting;
  std::string unready_ = "starting";
  const std::chrono::system_clock::time_point started_ = std::chrono::system_clock::now();
  /// What was asked for since the configuration was last read, and what that reading ends.
  std::vector<std::shared_ptr<asked_reload>> asked_;
  std::vector<std::shared_ptr<asked_reload>> read_by_;
  bool is_enabled_ = false;
  served_api api_;
};

}  // namespace rathole::app::inline RATHOLE_ABI
