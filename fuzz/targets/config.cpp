#include "support/config_laws.hpp"
#include "support/fuzz_input.hpp"

#include <optional>
#include <string>
#include <string_view>

using namespace rathole;

namespace {

/// Refuses some values of the key `log`, as the program does.
std::optional<std::string> check_log(std::string_view value) {
  if (!value.contains('?')) return std::nullopt;
  return "not a filter";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::fuzz_input(data, size).text();
  const auto document = config::read(text, "c.toml", check_log);
  const auto parsed = config::parse(text, "c.toml");
  if (document) {
    fuzz::check_config(document->settings);
    fuzz::check_warnings(text, document->warnings);
    fuzz::check(parsed && *parsed == document->settings);
  } else {
    fuzz::check_problems(text, document.error());
    // Without the program's check, only the value of `log` may be right.
    for (const config::problem& each : document.error()) {
      const bool is_of_log = each.key == "log" || each.level == config::severity::warning;
      fuzz::check(!parsed || is_of_log);
    }
  }
  fuzz::check_words(text);
  return 0;
}
