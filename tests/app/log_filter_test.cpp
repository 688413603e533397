#include <rathole/app/log/filter.hpp>

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

namespace rathole::app {
namespace {

/// Returns the most verbose level that `filter` passes for `target`; `off` if none.
log_level threshold(const log_filter& filter, std::string_view target) {
  for (const auto level :
       {log_level::trace, log_level::debug, log_level::info, log_level::warn, log_level::error}) {
    if (filter.enabled(level, target)) return level;
  }
  return log_level::off;
}

TEST_CASE("log filter: levels and directives are parsed") {
  struct example {
    const char* text;
    log_level program;
    log_level client;
    log_level server;
  };
  using enum log_level;
  const example examples[] = {
      {"trace", trace, trace, trace},
      {"debug", debug, debug, debug},
      {"info", info, info, info},
      {"warn", warn, warn, warn},
      {"error", error, error, error},
      {"off", off, off, off},
      {"INFO", info, info, info},
      {"0", off, off, off},
      {"5", trace, trace, trace},
      {"rathole=trace", trace, trace, trace},
      {"rathole", trace, trace, trace},
      {"rathole=off", off, off, off},
      {"rathole::client=debug", error, debug, error},
      {"warn,rathole::client=debug", warn, debug, warn},
      {"rathole::client=debug,warn", warn, debug, warn},
      {" warn , rathole::client = debug ", warn, debug, warn},
      {"rathole=warn,rathole::client=debug", warn, debug, warn},
      {"rathole::client=debug,rathole=warn", warn, debug, warn},
      {"rathole=warn,rathole=debug", debug, debug, debug},
      {"info,rathole=error", error, error, error},
      {"info,tokio=trace", info, info, info},
      {"tokio=trace", error, error, error},
      {"rathole::cli=trace,info", info, info, info},
      {"debug,", debug, debug, debug},
      {",,debug", debug, debug, debug},
  };
  for (const auto& each : examples) {
    CAPTURE(each.text);
    const auto filter = log_filter::parse(each.text);
    REQUIRE(filter);
    CHECK(threshold(*filter, "rathole") == each.program);
    CHECK(threshold(*filter, "rathole::client") == each.client);
    CHECK(threshold(*filter, "rathole::server") == each.server);
  }
}

TEST_CASE("log filter: invalid filters are rejected") {
  for (const char* text : {"verbose", "inof", "rathole=", "=debug", "rathole=loud", ",,=nonsense",
                           "debug,rathole=loud", "rathole[span]=debug", "6", "-1", "a b=info"}) {
    CAPTURE(text);
    CHECK_FALSE(log_filter::parse(text));
  }
}

TEST_CASE("log setting: the first non-empty variable takes precedence") {
  struct example {
    const char* rathole_log;
    const char* rust_log;
    log_level level;
    std::string blamed;
  };
  const example examples[] = {
      {nullptr, nullptr, log_level::info, ""},
      {"", "", log_level::info, ""},
      {"debug", nullptr, log_level::debug, ""},
      {nullptr, "debug", log_level::debug, ""},
      {"", "debug", log_level::debug, ""},
      {"error", "trace", log_level::error, ""},
      {"loud", "trace", log_level::info, "RATHOLE_LOG=\"loud\""},
      {nullptr, "lo\x1bud", log_level::info, "RUST_LOG=\"lo\\x1bud\""},
  };
  for (const auto& each : examples) {
    CAPTURE(each.blamed);
    const auto setting = read_log_setting(each.rathole_log, each.rust_log);
    CHECK(threshold(setting.filter, "rathole::server") == each.level);
    CHECK(setting.warning.empty() == each.blamed.empty());
    CHECK(setting.warning.find(each.blamed) != std::string::npos);
  }
}

}  // namespace
}  // namespace rathole::app
