#pragma once

#include <rathole/config/limits.hpp>
#include <rathole/config/problem.hpp>
#include <rathole/config/source.hpp>
#include <rathole/config/surroundings.hpp>
#include <rathole/config/toml.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::config {

/// Collects the problems of a configuration and the positions of its keys. The number and the size of errors and
/// of warnings are limited to `limits::problems` and `limits::problem_text`; what is beyond is counted.
class problem_log {
 public:
  /// Makes an empty log for the configuration in `file`, which uses `around`.
  explicit problem_log(std::string file, surroundings around = {})
      : origin_(std::move(file)), around_(std::move(around)) {
    origin_.name_keys(around_.key_names);
  }

  /// Returns what the configuration uses besides its own text.
  [[nodiscard]] const surroundings& around() const { return around_; }

  /// Reports that the configuration depends on the content of the file at `path`.
  void depends_on(const std::string& path) const {
    if (around_.depends_on) around_.depends_on(path);
  }

  /// Adds an error. `what` must not contain a secret.
  void add(position at, std::string key, std::string what, std::string remedy) {
    if (settled_.contains(at)) return;
    has_errors_ = true;
    push(at, std::move(key), std::move(what), std::move(remedy), severity::error);
  }

  /// Adds a warning. `what` must not contain a secret.
  void warn(position at, std::string key, std::string what, std::string remedy) {
    if (settled_.contains(at)) return;
    push(at, std::move(key), std::move(what), std::move(remedy), severity::warning);
  }

  /// Drops further problems at the position `at`, whose value is known to be wrong.
  void add_no_more(position at) { settled_.insert(at); }

  /// Returns the files and the positions of their keys.
  [[nodiscard]] source& origin() { return origin_; }

  /// Returns the position where toml++ found something. An implicit table, such as that of a dotted
  /// key, is at the start of its file.
  [[nodiscard]] position place(const toml::source_region& region) const {
    position out;
    if (region.path) out.file = origin_.number_of(*region.path);
    if (!region.begin) return out;
    out.line = region.begin.line;
    out.column = region.begin.column;
    return out;
  }

  /// Returns whether there is an error, so that the file cannot be used.
  [[nodiscard]] bool has_errors() const { return has_errors_; }

  /// Adds a problem that has its file and position already.
  void add(problem found) {
    has_errors_ = has_errors_ || found.level == severity::error;
    const std::uint32_t file = origin_.number_of(found.file);
    keep(file, std::move(found));
  }

  /// Returns all errors and warnings in the order of their files and positions, and removes them from
  /// the log. The last ones say how many others there were.
  std::vector<problem> take() {
    std::ranges::sort(problems_, {}, [](const placed& each) {
      const problem& p = each.found;
      return std::tuple(each.file, p.line, p.column, std::string_view(p.key),
                        std::string_view(p.what));
    });
    std::vector<problem> out;
    out.reserve(problems_.size() + 2);
    for (placed& each : problems_) out.push_back(std::move(each.found));
    problems_.clear();
    count_others(std::exchange(errors_, {}).others, severity::error, out);
    count_others(std::exchange(warnings_, {}).others, severity::warning, out);
    return out;
  }

 private:
  /// A problem, and the number of its file.
  struct placed {
    std::uint32_t file;
    problem found;
  };

  /// How much there is of the problems of one severity.
  struct tally {
    std::size_t kept = 0;
    /// The size of their texts, in bytes.
    std::size_t size = 0;
    /// How many were not kept.
    std::size_t others = 0;
  };

  void push(position at, std::string key, std::string what, std::string remedy, severity how) {
    keep(at.file, origin_.named({origin_.files()[at.file], at.line, at.column, std::move(key),
                                 std::move(what), std::move(remedy), how}));
  }

  void keep(std::uint32_t file, problem found) {
    tally& of = found.level == severity::error ? errors_ : warnings_;
    const std::size_t size = found.key.size() + found.what.size() + found.remedy.size();
    // A single text is bounded by the size of the files.
    if (of.kept == limits::problems || (of.kept > 0 && of.size + size > limits::problem_text)) {
      ++of.others;
      return;
    }
    ++of.kept;
    of.size += size;
    problems_.push_back({file, std::move(found)});
  }

  /// Adds to `to`, at the place of the last one, that there are `others` more of the severity `level`.
  static void count_others(std::size_t others, severity level, std::vector<problem>& to) {
    if (others == 0) return;
    problem more = to.back();
    more.key.clear();
    more.what = "and " + std::to_string(others) +
                (level == severity::error ? " more problems" : " more warnings");
    more.remedy = "correct those that are listed first";
    more.level = level;
    to.push_back(std::move(more));
  }

  source origin_;
  surroundings around_;
  std::vector<placed> problems_;
  tally errors_;
  tally warnings_;
  /// The positions of values whose problem is reported.
  std::set<position> settled_;
  bool has_errors_ = false;
};

}  // namespace rathole::config
