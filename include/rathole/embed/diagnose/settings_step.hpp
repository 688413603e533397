#pragma once

#include <rathole/config/problem.hpp>
#include <rathole/config/types.hpp>
#include <rathole/config/validate.hpp>
#include <rathole/core/error.hpp>
#include <rathole/core/result.hpp>
#include <rathole/text/advice.hpp>
#include <rathole/tls/file_news.hpp>
#include <rathole/transport/missing_part.hpp>
#include <rathole/transport/prepare.hpp>
#include <rathole/version.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rathole::embed::inline RATHOLE_ABI {

/// The step that judges settings without a connection: contradictions, parts that are not built in,
/// and files of keys and certificates. `Prepared` is what `transport::prepare` returns for them.
template <class Prepared>
class settings_step {
 public:
  /// Judges `settings`. Returns what was found; fails with `errc::not_built_in` or
  /// `errc::invalid_settings`. Blocks while files are read.
  template <class Block>
  result<std::string> perform(const Block& settings, config::side where) {
    std::vector<config::problem> problems = config::settings_problems(settings);
    // The transport keeps the handler, which may be called again later.
    const auto doubts = std::make_shared<std::string>();
    auto prepared = transport::prepare(
        settings, [doubts](tls::file_news, const std::string& what) { *doubts += "; " + what; });
    if (prepared && problems.empty()) {
      prepared_ = std::move(*prepared);
      return "`transport.type` is `" + std::string(config::name_of(settings.transport.kind)) + '`' +
             *doubts;
    }
    if (!prepared) {
      problems.insert(problems.end(), prepared.error().begin(), prepared.error().end());
    }
    why_ = explain(problems);
    const bool is_missing = transport::missing_part(settings.transport, where).has_value();
    return failure(is_missing ? errc::not_built_in : errc::invalid_settings);
  }

  /// Says why `perform` failed.
  [[nodiscard]] const text::explanation& why() const { return why_; }
  /// Returns the prepared transport; nothing unless `perform` succeeded.
  [[nodiscard]] const std::optional<Prepared>& prepared() const { return prepared_; }

 private:
  static text::explanation explain(const std::vector<config::problem>& problems) {
    text::explanation out;
    for (const config::problem& each : problems) {
      if (!out.what.empty()) out.what += "; ";
      out.what += each.key + ": " + each.what;
      if (!each.remedy.empty()) out.advice += "; " + each.remedy;
    }
    return out;
  }

  std::optional<Prepared> prepared_;
  text::explanation why_;
};

}  // namespace rathole::embed::inline RATHOLE_ABI
