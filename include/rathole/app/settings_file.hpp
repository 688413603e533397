#pragma once

#include <rathole/app/descriptor_demand.hpp>
#include <rathole/app/load_file.hpp>
#include <rathole/app/log/logger.hpp>
#include <rathole/app/log/outputs.hpp>
#include <rathole/app/log/text.hpp>
#include <rathole/app/mode.hpp>
#include <rathole/app/reload_text.hpp>
#include <rathole/app/settings_source.hpp>
#include <rathole/app/start_report.hpp>
#include <rathole/config/diff.hpp>
#include <rathole/config/include_files.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/core/time.hpp>
#include <rathole/io/files/file_watch.hpp>
#include <rathole/io/socket/descriptor_limit.hpp>
#include <rathole/io/task.hpp>
#include <rathole/version.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace rathole::app::inline RATHOLE_ABI {

/// Holds valid settings that were read from the configuration file.
template <class Block>
struct read_settings {
  /// The settings.
  Block block;
  /// What makes their transport, if it differs from the one in use.
  std::optional<prepared_of<Block>> prepared;
  /// The files and the positions of their keys.
  config::source where = "";
  /// Whether the settings of the logs have changed; the new ones are in use already.
  bool has_new_logs = false;
};

/// The configuration file of a running program, with the files that it includes: watches them, reads
/// them again, and logs what is wrong with them. `Block` is `config::client` or `config::server`.
template <class Block>
class settings_file {
 public:
  /// Names the file of `from`, whose keys about logs were `log` when it was first read. `outputs` uses
  /// them when they have changed, and must outlive the object. Without a file the others are watched, such as
  /// that of the token.
  settings_file(settings_source from, config::log_settings log, log_outputs& outputs)
      : from_(std::move(from)),
        includes_(from_.path),
        configured_log_(std::move(log)),
        outputs_(outputs),
        log_(outputs.lines()) {}

  /// Calls `changed` on `ex` when one of the files changes, until `close`. Returns whether it can be
  /// watched: a pipe, such as a shell's <(...), can be read only once.
  bool watch(io::executor ex, std::function<void()> changed) {
    std::error_code ignored;
    if (!from_.path.empty() && !std::filesystem::is_regular_file(from_.path, ignored)) {
      log(log_level::warn, "The configuration is no regular file: changes are not followed");
      return false;
    }
    const auto report = [this, changed = std::move(changed)] {
      note_pace();
      changed();
    };
    watch_.emplace(ex, [this] { return watched_paths(); }, report);
    log(log_level::info, "Start watching the config");
    return true;
  }

  /// Returns whether the file is watched, so that it can be read again.
  [[nodiscard]] bool is_watched() const { return watch_.has_value(); }

  /// Returns what was wrong when the file was last read; empty if it could be used, or `obstacle` says
  /// what was.
  [[nodiscard]] const std::vector<config::problem>& problems() const { return problems_; }
  /// Returns why the file could not be used when it was last read, if `problems` does not say.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

  /// Stops watching the files.
  void close() {
    if (watch_) watch_->close();
  }

  /// Reads the file and compares it with `in_use`. Returns nothing if it cannot be used.
  std::optional<read_settings<Block>> read(const Block& in_use) {
    // A pipe would block all connections until its writer has finished.
    problems_.clear();
    obstacle_.clear();
    const auto before = includes_.paths();
    const auto loaded = load_file(from_, includes_, duration::zero());
    if (watch_ && before != includes_.paths()) watch_->refresh();
    if (!loaded) {
      for (const auto& problem : loaded.error()) log_problem(problem);
      problems_ = loaded.error();
      ignore();
      return std::nullopt;
    }
    const config::config& file = loaded->settings;
    const Block* const next = block_of<Block>(file);
    if (!next) {
      ignore(missing_block_text<Block>);
      return std::nullopt;
    }
    const bool has_new_logs = configured_log_ != file.log;
    if (has_new_logs && !use_logs(*loaded)) return std::nullopt;
    constexpr config::side side =
        std::is_same_v<Block, config::server> ? config::side::server : config::side::client;
    start_report report;
    if (next->admin != in_use.admin && !check_admin(next->admin, side, loaded->where, report)) {
      return refuse(report);
    }
    const bool was_ignored = std::exchange(was_ignored_, false);
    read_settings<Block> out{*next, std::nullopt, loaded->where, has_new_logs};
    if (*next == in_use) {
      if (was_ignored) {
        log(log_level::info, "The configuration is valid again, and the one in use");
      }
      return out;
    }
    for (const auto& warning : loaded->warnings) log_problem(warning);
    if (const auto warning = descriptor_warning(*next, io::descriptor_limit())) {
      log_problem(loaded->where.locate(*warning));
    }
    if (config::same_transport(in_use, *next)) return out;
    out.prepared = prepare_transport(*next, loaded->where, report, problem_logger(log_));
    if (!out.prepared) return refuse(report);
    for (const std::string& line : report.limitations) log(log_level::warn, line);
    return out;
  }

  /// Logs that the file cannot be used, because of `why` unless that is empty.
  void ignore(const std::string& why = {}) {
    if (!why.empty()) {
      log(log_level::error, why);
      obstacle_ = why;
    }
    was_ignored_ = true;
    log(log_level::error, "The changed configuration is invalid. Ignored; the old one is in use");
  }

  /// Logs a line about the file.
  void log(log_level level, const std::string& what) {
    log_.write(level, "rathole::config_watcher", printable(what));
  }

 private:
  /// Uses the settings of the logs of `file`; returns whether they can be used.
  bool use_logs(const config::document& file) {
    const log_report report = outputs_.apply(file.settings.log);
    for (const auto& line : report.warnings) log(log_level::warn, line);
    for (const auto& problem : report.errors) {
      problems_.push_back(file.where.locate(problem));
      log_problem(problems_.back());
    }
    if (!report.errors.empty()) {
      ignore();
      return false;
    }
    configured_log_ = file.settings.log;
    return true;
  }

  /// Logs why the file cannot be used, and returns nothing.
  std::optional<read_settings<Block>> refuse(const start_report& why) {
    for (const std::string& line : why.errors()) {
      log(log_level::error, line);
      obstacle_ += (obstacle_.empty() ? "" : " ") + line;
    }
    ignore();
    return std::nullopt;
  }

  /// Logs once that the files never rest.
  void note_pace() {
    const bool was_slow = std::exchange(is_slow_, watch_->pause() > duration::zero());
    if (was_slow || !is_slow_) return;
    log(log_level::warn,
        "The files of the configuration change all the time: from now on they are read more "
        "rarely, "
        "up to once in a minute; see which program writes them");
  }

  void log_problem(const config::problem& found) {
    const bool is_warning = found.level == config::severity::warning;
    log(is_warning ? log_level::warn : log_level::error, text_of(found));
  }

  [[nodiscard]] io::watched_paths watched_paths() const {
    const config::configuration_paths of = includes_.paths();
    return {.files = {of.files.begin(), of.files.end()},
            .directories = {of.folders.begin(), of.folders.end()}};
  }

  const settings_source from_;
  config::include_files includes_;
  config::log_settings configured_log_;
  log_outputs& outputs_;
  logger& log_;
  std::optional<io::file_watch> watch_;
  std::vector<config::problem> problems_;
  std::string obstacle_;
  /// Whether the file could not be used when it was last read.
  bool was_ignored_ = false;
  /// Whether the files changed so often when they were last read that the watch pauses.
  bool is_slow_ = false;
};

}  // namespace rathole::app::inline RATHOLE_ABI
