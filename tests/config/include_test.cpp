#include "../support/temp_dir.hpp"
#include "../support/unusual_files.hpp"

#include <rathole/config/include_files.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/parse.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rathole::config {
namespace {

namespace fs = std::filesystem;
using texts = std::vector<std::string>;

/// A folder with `main.toml` and a folder `services.d`.
struct configuration {
  test::temp_dir folder;

  explicit configuration(std::string_view main_text) {
    fs::create_directory(folder.path() / "services.d");
    folder.write("main.toml", main_text);
  }

  [[nodiscard]] std::string path(std::string_view name) const {
    return (folder.path() / name).string();
  }

  /// Returns the names of the server's services, or the problems with `DIR` for the folder.
  [[nodiscard]] texts load() const {
    const auto loaded = load_document(path("main.toml"));
    texts out;
    if (loaded) {
      for (const auto& each : loaded->settings.server->services) out.push_back(each.name);
      return out;
    }
    for (const auto& each : loaded.error()) out.push_back(shortened(to_string(each)));
    return out;
  }

  [[nodiscard]] std::string shortened(std::string text) const {
    const std::string full = folder.path().string() + "/";
    for (auto at = text.find(full); at != text.npos; at = text.find(full)) {
      text.replace(at, full.size(), "DIR/");
    }
    return text;
  }
};

constexpr std::string_view main_file = R"(include = "services.d/*.toml"
[server]
bind_addr = "0.0.0.0:2333"
default_token = "secret"
[server.services.main]
bind_addr = "0.0.0.0:8000"
)";

TEST_CASE("include: services of other files are added, and get the defaults of the main file") {
  const configuration c(main_file);
  c.folder.write("services.d/b.toml", "[server.services.b]\nbind_addr = \"0.0.0.0:8002\"\n");
  c.folder.write("services.d/a.toml",
                 "[server.services.a]\nbind_addr = \"0.0.0.0:8001\"\ntoken = \"own\"\n");
  c.folder.write("services.d/ignored.txt", "not TOML");
  c.folder.write("services.d/.hidden.toml", "not TOML");
  CHECK(c.load() == texts{"a", "b", "main"});
  const auto loaded = load_document(c.path("main.toml"));
  REQUIRE(loaded);
  CHECK(loaded->settings.server->services[0].token.view() == "own");
  CHECK(loaded->settings.server->services[1].token.view() == "secret");
  CHECK(loaded->where.files() ==
        texts{c.path("main.toml"), c.path("services.d/a.toml"), c.path("services.d/b.toml")});
}

TEST_CASE("include: any table can be in another file, and each key in one file") {
  const configuration c("include = [\"server.toml\", \"services.d/web.toml\"]\n");
  c.folder.write("server.toml",
                 "[server]\nbind_addr = \"0.0.0.0:2333\"\n[server.pool]\nsize = 4\n");
  c.folder.write("services.d/web.toml",
                 "server.pool.max_idle = 32\n"
                 "[server.services.web]\nbind_addr = \"0.0.0.0:80\"\ntoken = \"t\"\n");
  const auto loaded = load_document(c.path("main.toml"));
  REQUIRE(loaded);
  CHECK(loaded->settings.server->services[0].pool.size == 4);
  CHECK(loaded->settings.server->services[0].pool.max_idle == 32);
}

TEST_CASE("include: a service or key in two files is a problem that names both places") {
  const configuration c(main_file);
  c.folder.write("services.d/a.toml", "[server.services.x]\nbind_addr = \"0.0.0.0:8001\"\n");
  c.folder.write("services.d/b.toml",
                 "[server.services.x]\ntoken = \"t\"\n[server]\ndefault_token = \"u\"\n");
  CHECK(c.load() == texts{"DIR/services.d/b.toml:1:1: server.services.x: this is also in "
                          "DIR/services.d/a.toml:1:1; keep one of them",
                          "DIR/services.d/b.toml:4:17: server.default_token: this is also in "
                          "DIR/main.toml:4:17; keep one of them"});
  c.folder.write("services.d/b.toml", "server = 1\n");
  CHECK(c.load() == texts{"DIR/services.d/b.toml:1:10: server: this is also in DIR/main.toml:2:1; "
                          "keep one of them"});
}

TEST_CASE("include: problems name the file and the place, in the order of the files") {
  const configuration c(main_file);
  c.folder.write("services.d/a.toml", "[server.services.a]\nbind_addr = \"nowhere\"\n");
  c.folder.write("services.d/b.toml", "[server.services.b]\nbind_addr = \n");
  c.folder.write("services.d/c.toml", "[server.services.main-2]\nbind_addr = \"0.0.0.0:8000\"\n");
  const texts found = c.load();
  REQUIRE(found.size() == 3);
  CHECK(found[0].starts_with("DIR/services.d/a.toml:2:13: server.services.a.bind_addr: not an"));
  CHECK(found[1].starts_with("DIR/services.d/b.toml:2:"));
  CHECK(
      found[2].starts_with("DIR/services.d/c.toml:2:13: server.services.main-2.bind_addr: the "
                           "same address and port as server.services.main.bind_addr"));
}

TEST_CASE("include: what cannot be included is a problem at the key") {
  const auto problem = [](const std::string& value) {
    const configuration c("include = " + value +
                          "\n[server]\nbind_addr = \"[::]:1\"\nservices = {}\n");
    c.folder.write("part.toml", "");
    c.folder.write("nested.toml", "include = \"main.toml\"\n");
    const texts found = c.load();
    return found.size() == 1 ? found[0] : "problems: " + std::to_string(found.size());
  };
  CHECK(problem("\"gone.toml\"") ==
        "DIR/main.toml:1:11: include: cannot read the file: No such file or directory; correct "
        "or remove it");
  CHECK(problem("\"gone.d/*.toml\"") ==
        "DIR/main.toml:1:11: include: cannot read the folder: No such file or directory; "
        "create it, or correct the path");
  CHECK(problem("\"*/a.toml\"") ==
        "DIR/main.toml:1:11: include: it has a wildcard in a folder; use wildcards in the "
        "name of the file only");
  CHECK(problem("\"services.d/\"") ==
        "DIR/main.toml:1:11: include: it names no file; name a file, or files as in "
        "`services.d/*.toml`");
  CHECK(problem("[\"part.toml\", \"gone.toml\"]") ==
        "DIR/main.toml:1:11: include: entry 2: cannot read the file: No such file or directory; "
        "correct or remove it");
  CHECK(
      problem("\"nested.toml\"") ==
      "DIR/nested.toml:1:11: include: an included file includes others; name them in the `include` "
      "of DIR/main.toml");
  CHECK(problem("1") ==
        "DIR/main.toml:1:11: include: invalid type: integer, expected a string; put the text in "
        "quotes");
  CHECK(problem("[]") == "DIR/main.toml:1:11: include: an empty list; name 1 to 64");
}

TEST_CASE("include: unusual files are refused without waiting") {
  const test::temp_dir elsewhere;
  const test::unusual_files odd(elsewhere);
  for (const auto& [path, why] : odd.all()) {
    const configuration c("include = \"" + path +
                          "\"\n[server]\nbind_addr = \"[::]:1\"\nservices = {}\n");
    const texts found = c.load();
    REQUIRE(found.size() == 1);
    CHECK(found[0].contains(why));
  }
}

TEST_CASE("include: a text without a folder cannot include") {
  const auto parsed =
      parse("include = \"a.toml\"\n[server]\nbind_addr = \"[::]:1\"\nservices = {}\n", "f");
  REQUIRE(!parsed);
  REQUIRE(parsed.error().size() == 1);
  CHECK(to_string(parsed.error()[0]) ==
        "f:1:11: include: this text belongs to no folder, so nothing can be included; load the "
        "configuration from a file");
}

TEST_CASE("include: a file that several patterns match is read once, and the main file never") {
  const configuration c(
      "include = [\"*.toml\", \"services.d/a.toml\", \"services.d/../services.d/*.toml\"]\n"
      "[server]\nbind_addr = \"[::]:1\"\nservices = {}\n");
  c.folder.write("services.d/a.toml",
                 "[server.services.a]\nbind_addr = \"0.0.0.0:1\"\ntoken = \"t\"\n");
  CHECK(c.load() == texts{"a"});
}

TEST_CASE("include: a pattern without a file, and a key that is too low, are pointed out") {
  const test::temp_dir folder;
  const std::string server = "[server]\nbind_addr = \"0.0.0.0:1\"\n[server.services]\n";
  const auto none = load_document(folder.write("main.toml", "include = \"*.tml\"\n" + server));
  REQUIRE(none);
  REQUIRE(none->warnings.size() == 1);
  CHECK(none->warnings[0].key == "include");
  CHECK(none->warnings[0].what == "no file, or none that is not included already, matches");
  const auto inside = load_document(folder.write("main.toml",
                                                 "[server]\ninclude = \"x.toml\"\nbind_addr = "
                                                 "\"0.0.0.0:1\"\n[server.services]\n"));
  REQUIRE(!inside);
  CHECK(inside.error()[0].remedy == "write it above the first table of the file");
}

TEST_CASE("include: no file of the configuration is a log") {
  test::temp_dir folder;
  std::filesystem::create_directory(folder.path() / "services.d");
  const std::string part = folder.write("services.d/a.toml", "");
  const auto problem_of = [&](const std::string& log) {
    const std::string file =
        folder.write("server.toml", log + "include = \"services.d/*.toml\"\n[server]\n" +
                                        "bind_addr = \"0.0.0.0:1\"\n[server.services]\n");
    const auto loaded = load_document(file);
    return loaded ? std::string() : to_string(loaded.error().front());
  };
  CHECK(problem_of("log_file = \"" + (folder.path() / "other.log").string() + "\"\n").empty());
  CHECK(problem_of("log_file = \"" + part + "\"\n")
            .ends_with("server.toml:1:12: log_file: this is a file of the configuration; name "
                       "another file"));
  CHECK(problem_of("access_log = \"" + (folder.path() / "server.toml").string() + "\"\n")
            .contains("access_log: this is a file of the configuration"));
}

TEST_CASE("include: a pattern skips what is no file, with a warning, and a name does not") {
  const configuration c(main_file);
  const std::string service = "[server.services.a]\nbind_addr = \"0.0.0.0:8001\"\n";
  const test::temp_dir elsewhere;
  fs::create_symlink(elsewhere.write("a.toml", service), c.path("services.d/a.toml"));
  const test::unusual_files odd(elsewhere);
  for (const auto& [path, why] : odd.all()) {
    const fs::path link = c.path("services.d/zzz.toml");
    fs::create_symlink(path, link);
    if (!fs::exists(path)) {
      // A service whose file is missing would stop.
      CHECK(c.load() == texts{"DIR/main.toml:1:11: include: cannot read DIR/services.d/zzz.toml: "
                              "No such file or directory; correct or remove it"});
    } else {
      CHECK(c.load() == texts{"a", "main"});
      const auto loaded = load_document(c.path("main.toml"));
      REQUIRE(loaded);
      REQUIRE(loaded->warnings.size() == 1);
      CHECK(c.shortened(to_string(loaded->warnings[0])) ==
            "DIR/main.toml:1:11: warning: include: DIR/services.d/zzz.toml is no regular file, and "
            "nothing is included from it; move it to another folder, or give it another name");
    }
    fs::remove(link);
  }
  fs::create_directory(c.path("services.d/y.toml"));
  fs::create_directory(c.path("services.d/z.toml"));
  const auto several = load_document(c.path("main.toml"));
  REQUIRE(several);
  CHECK(several->warnings[0].what.contains("/y.toml and 1 more are no regular file"));
  include_files files(c.path("main.toml"));
  CHECK(load_document(c.path("main.toml"), files, nullptr, {}));
  CHECK(files.paths().files == texts{c.path("main.toml"), c.path("services.d/a.toml")});
}

TEST_CASE("include: neither a socket nor a log is made where a file would be included") {
  const test::temp_dir folder;
  fs::create_directory(folder.path() / "services.d");
  fs::create_directory_symlink(folder.path() / "services.d", folder.path() / "link.d");
  const auto problem_of = [&](const std::string& top, const std::string& of_server,
                              const std::string& of_service) {
    const std::string file = folder.write(
        "server.toml", top + "[server]\nbind_addr = \"0.0.0.0:1\"\ndefault_token = \"t\"\n" +
                           of_server + "[server.services.a]\n" + of_service);
    const auto loaded = load_document(file);
    if (loaded) return std::string();
    CHECK(loaded.error().size() == 1);
    return to_string(loaded.error().front()).substr(file.size());
  };
  const std::string wrong =
      "a file at the path of this socket would be a part of the configuration; name another "
      "folder, or a name that is not included";
  const std::string admin =
      "admin = { bind_addr = \"127.0.0.1:9090\", token = \"u\", services_dir = \"services.d\" }\n";
  const auto at = [](const std::string& path) { return "bind_addr = \"unix:" + path + "\"\n"; };
  CHECK(problem_of("", admin, at("services.d/zzz.toml")) ==
        ":6:13: server.services.a.bind_addr: " + wrong);
  CHECK(problem_of("", admin, at("./link.d/zzz.toml")) ==
        ":6:13: server.services.a.bind_addr: " + wrong);
  CHECK(problem_of("", admin, "bind_addr = [\"0.0.0.0:2\", \"unix:services.d/zzz.toml\"]\n") ==
        ":6:13: server.services.a.bind_addr: " + wrong);
  CHECK(problem_of("", admin, "type = \"socket_stream\"\nbind_addr = \"services.d/zzz.toml\"\n") ==
        ":7:13: server.services.a.bind_addr: " + wrong);
  CHECK(problem_of("", admin, at("services.d/zzz.sock")).empty());
  CHECK(problem_of("", admin, at("services.d/.zzz.toml")).empty());
  CHECK(problem_of("", admin, at("zzz.toml")).empty());
  CHECK(problem_of("include = \"*.d?toml\"\n", "", at("zzz.d_toml")) ==
        ":6:13: server.services.a.bind_addr: " + wrong);
  CHECK(problem_of("",
                   "admin = { bind_addr = \"unix:services.d/admin.toml\", services_dir = "
                   "\"services.d\" }\n",
                   "bind_addr = \"0.0.0.0:2\"\n") == ":4:23: server.admin.bind_addr: " + wrong);
  CHECK(problem_of("log_file = \"" + (folder.path() / "services.d/log.toml").string() + "\"\n",
                   admin, "bind_addr = \"0.0.0.0:2\"\n") ==
        ":1:12: log_file: this is a file of the configuration; name another file");
}

TEST_CASE("include: the number and the size of the files are bounded") {
  const configuration c(main_file);
  for (std::size_t i = 0; i <= limits::included_files; ++i) {
    c.folder.write("services.d/" + std::to_string(i) + ".toml", "");
  }
  CHECK(c.load() ==
        texts{"DIR/main.toml:1:11: include: more than 4096 files are included; put several "
              "services into one file"});
  fs::remove_all(c.path("services.d"));
  fs::create_directory(c.path("services.d"));
  const std::string half(limits::file_size / 2 + 1, '\n');
  c.folder.write("services.d/a.toml", half);
  CHECK(c.load() == texts{"main"});
  c.folder.write("services.d/b.toml", half);
  const texts found = c.load();
  REQUIRE(found.size() == 1);
  CHECK(
      found[0] ==
      "DIR/main.toml:1:11: include: the included files have more than 16 MiB; include fewer files");
}

TEST_CASE("include: the paths on which a configuration depends are known, whatever is wrong") {
  const configuration c(main_file);
  c.folder.write("services.d/a.toml", "not TOML");
  include_files files(c.path("main.toml"));
  CHECK(files.paths() == configuration_paths{.files = {c.path("main.toml")}, .folders = {}});
  CHECK(!load_document(c.path("main.toml"), files, nullptr, {}));
  CHECK(files.paths() ==
        configuration_paths{.files = {c.path("main.toml"), c.path("services.d/a.toml")},
                            .folders = {c.path("services.d")}});
  c.folder.write("services.d/b.toml", "");
  CHECK(files.paths().files.size() == 3);
  fs::remove(c.path("main.toml"));
  CHECK(!load_document(c.path("main.toml"), files, nullptr, {}));
  CHECK(files.paths().files.size() == 3);
}

TEST_CASE("include: contents can be tried before they are on the disk") {
  const configuration c(main_file);
  c.folder.write("services.d/a.toml", "[server.services.a]\nbind_addr = \"0.0.0.0:1\"\n");
  include_files files(c.path("main.toml"));
  const auto load = [&] {
    const auto loaded = load_document(c.path("main.toml"), files, nullptr, {});
    texts out;
    REQUIRE(loaded);
    for (const auto& each : loaded->settings.server->services) out.push_back(each.name);
    return out;
  };
  CHECK(load() == texts{"a", "main"});
  files.replace(
      {{files.path_of("services.d/b.toml"), "[server.services.b]\nbind_addr = \"[::]:2\"\n"},
       {files.path_of("services.d/a.toml"), std::nullopt}});
  CHECK(load() == texts{"b", "main"});
  files.replace(
      {{files.path_of("services.d/a.toml"), "[server.services.c]\nbind_addr = \"[::]:2\"\n"}});
  CHECK(load() == texts{"c", "main"});
  files.replace({});
  CHECK(load() == texts{"a", "main"});
}

}  // namespace
}  // namespace rathole::config
