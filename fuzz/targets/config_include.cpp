#include "support/check.hpp"
#include "support/config_laws.hpp"
#include "support/fuzz_input.hpp"

#include <rathole/config/parse.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace rathole;

// A configuration in several files: the input is cut at lines of dashes, and `include` of the first file
// gets all the others.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view cut = "\n----\n";
  std::string_view rest = fuzz::fuzz_input(data, size).text();
  std::vector<config::included_file> files;
  for (;;) {
    const auto end = rest.find(cut);
    files.push_back(
        {"f" + std::to_string(files.size()) + ".toml", std::string(rest.substr(0, end))});
    if (end == rest.npos) break;
    rest.remove_prefix(end + cut.size());
  }
  const std::string main = std::move(files.front().text);
  files.erase(files.begin());
  bool is_asked = false;
  const auto read = [&](const std::string&) {
    config::included_files out;
    if (!is_asked) out.files = files;
    is_asked = true;
    return out;
  };
  const auto parsed = config::read(main, "c.toml", nullptr, {.files = read});
  if (parsed) {
    fuzz::check_config(parsed->settings);
    for (const config::problem& each : parsed->warnings) {
      fuzz::check(each.level == config::severity::warning);
    }
    // Without files to include, the files are those of one.
    if (!is_asked) fuzz::check(config::parse(main, "c.toml").has_value());
    return 0;
  }
  fuzz::check(!parsed.error().empty());
  for (const config::problem& each : parsed.error()) {
    fuzz::check(each.file == "c.toml" || each.file.starts_with('f'));
    fuzz::check(!each.what.empty() && each.line >= 1);
  }
  return 0;
}
