#include "support/config_laws.hpp"
#include "support/script.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::script(data, size).text();
  const auto parsed = config::parse(text, "c.toml");
  if (parsed) {
    fuzz::check_config(*parsed);
  } else {
    fuzz::check_problems(text, parsed.error());
  }
  fuzz::check_words(text);
  return 0;
}
