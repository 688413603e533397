#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::config {
namespace {

/// The configurations in which a secret of one kind can be, with `@` in its place.
using places = std::vector<std::string>;

const places token_places = {
    "[server]\nbind_addr = \"h:1\"\ndefault_token = \"@\"\nservices = {}\n",
    "[server]\nbind_addr = \"h:1\"\nservices.a = {bind_addr = \"h:2\", token = \"@\"}\n",
    "[client]\nremote_addr = \"h:1\"\ndefault_token = \"@\"\nservices = {}\n",
    "[client]\nremote_addr = \"h:1\"\nservices.a = {local_addr = \"h:2\", token = \"@\"}\n",
};
const places password_places = {
    "[client]\nremote_addr = \"h:1\"\nservices = {}\n"
    "transport = {type = \"tcp\", tcp.proxy = \"http://somebody:@@p:1\"}\n",
    "[server]\nbind_addr = \"h:1\"\nservices = {}\n"
    "transport = {type = \"tls\", tls = {pkcs12 = \"f\", pkcs12_password = \"@\"}}\n",
};
const places key_places = {
    "[server]\nbind_addr = \"h:1\"\nservices = {}\n"
    "transport = {type = \"noise\", noise.local_private_key = \"@\"}\n",
    "[client]\nremote_addr = \"h:1\"\nservices = {}\n"
    "transport = {type = \"noise\", noise.remote_public_key = \"@\"}\n",
};

/// Returns the warnings about the configuration `place` with `value` in it.
std::vector<problem> warnings(std::string place, std::string_view value) {
  place.replace(place.find('@'), 1, value);
  auto found = read(place, "c.toml");
  if (!found) FAIL(to_string(found.error().front()));
  return std::move(found->warnings);
}

/// Returns whether the check of a configuration says that everybody knows `value`.
bool is_known(const std::string& place, std::string_view value) {
  return std::ranges::any_of(warnings(place, value), [](const problem& each) {
    return each.what.contains("everybody knows") && !each.remedy.empty();
  });
}

/// The secrets in the text files of this project, each with where it can be in a configuration.
struct published {
  std::map<std::string, const places*> values = {};

  void add_file(const std::filesystem::path& file) {
    static const std::regex assigned(R"re((\w+)\s*=\s*(?:(?:rathole::)?secret\()?"([^"]*)")re");
    static const std::regex constructed(R"re(secret(?:\s+\w+)?\("([^"]*)"\))re");
    static const std::regex in_url(R"re(://[^":/@\s]+:([^"@\s]+)@)re");
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line)) {
      for (std::sregex_iterator at(line.begin(), line.end(), assigned), end; at != end; ++at) {
        add((*at)[2], places_of((*at)[1].str()));
      }
      for (std::sregex_iterator at(line.begin(), line.end(), constructed), end; at != end; ++at) {
        add((*at)[1], &token_places);
      }
      for (std::sregex_iterator at(line.begin(), line.end(), in_url), end; at != end; ++at) {
        add((*at)[1], &password_places);
      }
    }
  }

  /// Returns where the value of a key can be in a configuration; null if it is no secret.
  static const places* places_of(std::string_view key) {
    if (key.ends_with("token")) return &token_places;
    if (key.ends_with("password")) return &password_places;
    if (key.ends_with("private_key") || key.ends_with("public_key")) return &key_places;
    return nullptr;
  }

  void add(const std::string& value, const places* where) {
    // A variable of a shell is no value.
    if (where && !value.empty() && !value.contains('$')) values.emplace(value, where);
  }
};

published secrets_of_documents() {
  const std::filesystem::path root = RATHOLE_SOURCES;
  published out;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.path().extension() == ".md") out.add_file(entry.path());
  }
  for (const char* folder : {"docs", "examples"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file()) out.add_file(entry.path());
    }
  }
  return out;
}

TEST_CASE("published secrets: the check knows each one of the documents and examples") {
  const published found = secrets_of_documents();
  for (const char* each : {"replace this by a secret of your own", "a secret that both sides know",
                           "password", "cQ/vwIqNPJZmuM/OikglzBo/+jlYGrOt9i0k5h5vn1Q=",
                           "GQYTKSbWLBUSZiGfdWPSgek9yoOuaiwGD/GIX8Z1kkE="}) {
    CAPTURE(each);
    CHECK(found.values.contains(each));
  }
  for (const auto& [value, where] : found.values) {
    for (const std::string& place : *where) {
      CAPTURE(value);
      CAPTURE(place);
      CHECK(is_known(place, value));
    }
  }
}

TEST_CASE("published secrets: the check knows those of rathole v0.5.0") {
  for (const char* token :
       {"use_a_secret_that_only_you_know", "default_token_if_not_specify", "123"}) {
    CHECK(is_known(token_places.front(), token));
  }
  CHECK(is_known(password_places.back(), "1234"));
  CHECK(is_known(key_places.front(), "QLYMByBnjgM254zT6YKaBVvuAA61swyZfFxoA/SKZHM="));
}

TEST_CASE("published secrets: a secret that is not published causes no warning") {
  for (const std::string& place : token_places) CHECK(warnings(place, "c0ffee").empty());
  for (const std::string& place : password_places) CHECK(warnings(place, "c0ffee").empty());
  for (const std::string& place : key_places) {
    CHECK(warnings(place, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=").empty());
  }
}

TEST_CASE("published secrets: a warning names the remedy, and not the secret") {
  const auto one = [](const places& of, std::size_t index, std::string_view value) {
    const auto found = warnings(of[index], value);
    REQUIRE(found.size() == 1);
    return to_string(found.front());
  };
  CHECK(one(token_places, 0, "a secret that both sides know") ==
        "c.toml:3:17: warning: server.default_token: this token is in public examples, so "
        "everybody knows it; write a secret of your own, such as `openssl rand -hex 16` prints");
  CHECK(one(password_places, 0, "password") ==
        "c.toml:4:40: warning: client.transport.tcp.proxy: this password is in public examples, so "
        "everybody knows it; write that of your proxy");
  CHECK(one(password_places, 1, "1234") ==
        "c.toml:4:67: warning: server.transport.tls.pkcs12_password: this password is in public "
        "examples, so everybody knows it; protect the file by a password of your own, and see that "
        "its key is not from an example, too");
  CHECK(one(key_places, 0, "cQ/vwIqNPJZmuM/OikglzBo/+jlYGrOt9i0k5h5vn1Q=") ==
        "c.toml:4:56: warning: server.transport.noise.local_private_key: this key is in public "
        "examples, so everybody knows its private key; make a pair of your own with `rathole "
        "--genkey`, and write its keys on both sides");
  CHECK(one(key_places, 1, "GQYTKSbWLBUSZiGfdWPSgek9yoOuaiwGD/GIX8Z1kkE=")
            .ends_with("so everybody knows its private key; make a pair of your own with `rathole "
                       "--genkey`, and write its keys on both sides"));
}

}  // namespace
}  // namespace rathole::config
