#include "support/config_laws.hpp"
#include "support/fuzz_input.hpp"

using namespace rathole;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::fuzz_input(data, size).text();
  const auto parsed = config::parse(text, "c.toml");
  if (parsed) {
    fuzz::check_config(*parsed);
  } else {
    fuzz::check_problems(text, parsed.error());
  }
  fuzz::check_words(text);
  return 0;
}
