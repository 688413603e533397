#pragma once

#include <rathole/core/time.hpp>
#include <rathole/text/escape.hpp>
#include <rathole/version.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace rathole::inline RATHOLE_ABI {

/// How a step of a diagnosis ended.
enum class step_result {
  /// It worked.
  ok,
  /// It failed.
  failed,
  /// It was not done, because a step that it needs failed.
  skipped
};

/// One step of a diagnosis. No member ever contains a secret; parts of the texts may come from a
/// peer, and `to_string` makes them safe for a terminal.
struct diagnosis_step {
  /// What was done: `settings`, `resolve`, `connect`, `proxy`, `handshake`, `hello`, `service`,
  /// `authenticate`, `local` or `listen`.
  std::string name = {};
  /// With what it was done: an address, a service, a transport.
  std::string subject = {};
  /// How it ended.
  step_result result = step_result::skipped;
  /// Why it failed; no error unless `result` is `failed`.
  std::error_code error = {};
  /// What was found, or why the step failed or was skipped.
  std::string text = {};
  /// How long it took; zero if it was skipped.
  duration took = duration::zero();
  /// What to check or to change if it failed; may be empty.
  std::string remedy = {};

  /// Compares all members.
  [[nodiscard]] bool operator==(const diagnosis_step&) const = default;
};

/// The result of `async_diagnose`: the steps that were done or skipped, in their order.
struct diagnosis {
  /// The steps.
  std::vector<diagnosis_step> steps = {};

  /// Returns whether every step worked.
  [[nodiscard]] bool passed() const {
    return std::ranges::all_of(
        steps, [](const diagnosis_step& each) { return each.result == step_result::ok; });
  }

  /// Compares all members.
  [[nodiscard]] bool operator==(const diagnosis&) const = default;
};

/// What `async_diagnose` does besides the defaults.
struct diagnose_options {
  /// Makes the defaults.
  diagnose_options() = default;

  /// Whether a client tries the token of each service. The server then takes it for a client that
  /// begins to serve: one that serves the service now is displaced, and has to connect again, unless
  /// `on_conflict` of the service on the server is `reject` or `balance`.
  /// Otherwise the diagnosis ends each connection before it authenticates itself, which shows
  /// whether the server has the service, but not whether the token is right.
  bool authenticate = false;
  /// Called with each step as soon as it has ended; must not throw.
  std::function<void(const diagnosis_step&)> on_step = {};
};

}  // namespace rathole::inline RATHOLE_ABI

namespace rathole::embed::inline RATHOLE_ABI {

/// Returns `text` with spaces after it up to `width` bytes.
inline std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

/// Returns the word for `result`.
inline const char* name_of(step_result result) {
  switch (result) {
    case step_result::ok: return "ok";
    case step_result::failed: return "failed";
    case step_result::skipped: break;
  }
  return "skipped";
}

}  // namespace rathole::embed::inline RATHOLE_ABI

namespace rathole::inline RATHOLE_ABI {

/// Returns a step as one line, or two if it has a remedy, without a line break at the end: result,
/// milliseconds, name, subject and text in columns. The lines are safe for a terminal.
inline std::string to_string(const diagnosis_step& step) {
  constexpr std::size_t result_width = 9;
  constexpr std::size_t time_width = 10;
  constexpr std::size_t name_width = 14;
  constexpr std::size_t longest_text = 1024;
  std::string took;
  if (step.result != step_result::skipped) {
    took = std::to_string(std::chrono::round<std::chrono::milliseconds>(step.took).count()) + " ms";
  }
  if (took.size() < time_width - 2) took.insert(0, time_width - 2 - took.size(), ' ');
  std::string line = embed::padded(embed::name_of(step.result), result_width) +
                     embed::padded(std::move(took), time_width) +
                     embed::padded(step.name, name_width) + text::escape(step.subject);
  const auto shown = [](const std::string& raw) {
    return text::printable(std::string_view(raw).substr(0, longest_text));
  };
  if (!step.text.empty()) line += ": " + shown(step.text);
  if (!step.remedy.empty()) {
    line += '\n' + std::string(result_width + time_width, ' ') + shown(step.remedy);
  }
  return line;
}

/// Returns all steps, each as `to_string` of a step returns it, with a line break after each.
inline std::string to_string(const diagnosis& all) {
  std::string lines;
  for (const diagnosis_step& each : all.steps) lines += to_string(each) + '\n';
  return lines;
}

}  // namespace rathole::inline RATHOLE_ABI
