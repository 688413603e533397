#include "../support/temp_dir.hpp"
#include "../support/unusual_files.hpp"

#include <rathole/config/include_files.hpp>
#include <rathole/config/limits.hpp>
#include <rathole/config/load.hpp>
#include <rathole/config/secret_file.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rathole::config {
namespace {

using texts = std::vector<std::string>;

/// A folder with files that only their owner can read.
struct folder_of_secrets {
  test::temp_dir folder;

  std::string write(const std::string& name, std::string_view text) const {
    const std::string path = folder.write(name, text);
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    return path;
  }

  /// Returns the configuration of `text`; its problems are checked to be none.
  document load(const std::string& text) const {
    auto loaded = load_document(write("main.toml", text));
    for (const problem& each : loaded ? std::vector<problem>() : loaded.error()) {
      FAIL_CHECK(to_string(each));
    }
    REQUIRE(loaded);
    return std::move(*loaded);
  }

  /// Returns the problems and warnings of `text`, without the folder.
  texts problems(const std::string& text) const {
    const auto loaded = load_document(write("main.toml", text));
    const std::string prefix = folder.path().string() + "/";
    texts out;
    for (const problem& each : loaded ? loaded->warnings : loaded.error()) {
      std::string line = to_string(each);
      CHECK(line.starts_with(prefix));
      out.push_back(line.substr(prefix.size()));
    }
    return out;
  }
};

const std::string server = "[server]\nbind_addr = \"0.0.0.0:2333\"\n";
const std::string service = "[server.services.a]\nbind_addr = \"0.0.0.0:8001\"\n";

/// Lets the standard error of the process go to a file while the object exists.
class redirected_error {
 public:
  explicit redirected_error(const std::string& path) : before_(::dup(STDERR_FILENO)) {
    const int file = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    REQUIRE(file >= 0);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  redirected_error(const redirected_error&) = delete;
  redirected_error& operator=(const redirected_error&) = delete;
  ~redirected_error() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }

 private:
  int before_;
};

TEST_CASE("secret files: no file of the configuration is the output of the program") {
  const folder_of_secrets f;
  const std::string output = f.write("output", "t");
  std::filesystem::create_symlink(output, f.folder.path() / "token");
  const std::string why =
      "the program writes its own output to this file; redirect the output to another file, or "
      "name "
      "another one here";
  const std::string admin = "[server.admin]\nbind_addr = \"127.0.0.1:9\"\n";
  const std::string tls =
      "[server.services]\n[server.transport]\ntype = \"tls\"\n[server.transport.tls]\n";
  f.write("password", "p");
  f.write("other.toml", "");
  struct row {
    std::string text;
    std::string problem;
  };
  const row rows[] = {
      {server + "default_token_file = \"token\"\n" + service,
       "main.toml:3:22: server.default_token_file: " + why},
      {server + service + "token_file = \"output\"\n",
       "main.toml:5:14: server.services.a.token_file: " + why},
      {server + "services = {}\n" + admin + "token_file = \"token\"\n",
       "main.toml:6:14: server.admin.token_file: " + why},
      {server + tls + "pkcs12 = \"" + output + "\"\npkcs12_password_file = \"password\"\n",
       "main.toml:7:10: server.transport.tls.pkcs12: " + why},
      {"include = \"output\"\n" + server + service + "token = \"u\"\n",
       "main.toml:1:11: include: cannot read the file: the program writes its own output to this "
       "file; correct or remove it"},
  };
  for (const row& each : rows) {
    f.write("main.toml", each.text);
    texts found;
    {
      const redirected_error output_is(output);
      const auto loaded = load_document((f.folder.path() / "main.toml").string());
      if (!loaded) {
        for (const problem& one : loaded.error()) found.push_back(to_string(one));
      }
    }
    REQUIRE(found.size() == 1);
    CHECK(found[0].ends_with(each.problem));
  }
  const std::string main = f.write("main.toml", server + "services = {}\n");
  CHECK(load_document(main));
  std::string found;
  {
    const redirected_error output_is(main);
    const auto loaded = load_document(main);
    if (!loaded) found = to_string(loaded.error().front());
  }
  CHECK(found == main + ": " + why);
}

TEST_CASE("secret files: one newline at the end is not part of the secret") {
  const folder_of_secrets f;
  struct expectation {
    std::string content;
    std::string secret;
  };
  const expectation cases[] = {{"token", "token"},     {"token\n", "token"},
                               {"token\r\n", "token"}, {"token\n\n", "token\n"},
                               {"token\r", "token\r"}, {" to\nken ", " to\nken "}};
  for (const auto& [content, secret] : cases) {
    CAPTURE(content);
    const auto read = read_secret_file(f.write("token", content));
    REQUIRE(read);
    CHECK(read->value.view() == secret);
    CHECK_FALSE(read->is_exposed);
  }
}

TEST_CASE("secret files: a file has 1 to 4,096 bytes besides its newline") {
  const folder_of_secrets f;
  const std::string longest(limits::token_file_size, 'x');
  CHECK(read_secret_file(f.write("token", longest))->value.view() == longest);
  CHECK(read_secret_file(f.write("token", longest + "\n"))->value.view() == longest);
  CHECK(read_secret_file(f.write("token", longest + "\r\n"))->value.view() == longest);
  CHECK(read_secret_file(f.write("token", longest + "x")).error() ==
        "the file is larger than 4096 bytes");
  CHECK(read_secret_file(f.write("token", longest + "xyz")).error() ==
        "cannot be read: larger than 4098 bytes");
  for (const char* empty : {"", "\n", "\r\n"}) {
    CHECK(read_secret_file(f.write("token", empty)).error() == "the file is empty");
  }
}

TEST_CASE("secret files: tokens are read beside the configuration file, each once or for all") {
  const folder_of_secrets f;
  f.write("default.token", "for all\n");
  f.write("own.token", "for b\n");
  const document loaded = f.load(server + "default_token_file = \"default.token\"\n" + service +
                                 "[server.services.b]\nbind_addr = \"0.0.0.0:8002\"\n"
                                 "token_file = \"own.token\"\n"
                                 "[client]\nremote_addr = \"h:1\"\ndefault_token_file = \"" +
                                 (f.folder.path() / "default.token").string() +
                                 "\"\n[client.services.c]\nlocal_addr = \"h:2\"\n"
                                 "[client.services.d]\nlocal_addr = \"h:3\"\n"
                                 "token_file = \"./own.token\"\n");
  CHECK(loaded.warnings.empty());
  const auto& [log, listens, dials] = loaded.settings;
  CHECK(listens->services[0].token.view() == "for all");
  CHECK(listens->services[1].token.view() == "for b");
  CHECK(dials->services[0].token.view() == "for all");
  CHECK(dials->services[1].token.view() == "for b");
}

TEST_CASE(
    "secret files: what cannot be used is a problem of its key, and the content is not shown") {
  const folder_of_secrets f;
  f.write("token", "S3CRET\n");
  f.write("empty", "");
  f.write("large", std::string(5000, 'S'));
  const std::string remedy =
      "; name a regular file that has the secret and that the program may read";
  const std::string at = "main.toml:5:14: server.services.a.token_file: ";
  const auto of_service = [&](const std::string& keys) {
    return f.problems(server + service + keys);
  };
  CHECK(of_service("token_file = \"empty\"\n") == texts{at + "the file is empty" + remedy});
  CHECK(of_service("token_file = \"large\"\n") ==
        texts{at + "cannot be read: larger than 4098 bytes" + remedy});
  CHECK(of_service("token_file = \"\"\n") ==
        texts{at + "an empty path; name a file, or leave the key out"});
  CHECK(of_service("token_file = \"token\"\ntoken = \"x\"\n") ==
        texts{at + "both `token` and `token_file`; keep one of them"});
  CHECK(of_service("token_fil = \"token\"\n").back() ==
        "main.toml:5:1: server.services.a.token_fil: unknown field `token_fil`; did you mean "
        "`token_file`?");
  const test::unusual_files unusual(f.folder);
  for (const auto& [path, why] : unusual.all()) {
    CHECK(of_service("token_file = \"" + path + "\"\n") ==
          texts{at + "cannot be read: " + why + remedy});
  }
  CHECK(f.problems(server + "default_token_file = \"empty\"\ndefault_token = \"x\"\n" + service) ==
        texts{"main.toml:3:22: server.default_token_file: both `default_token` and "
              "`default_token_file`; keep one of them"});
  CHECK(
      f.problems(server + "default_token_file = \"missing\"\n" + service) ==
      texts{"main.toml:3:22: server.default_token_file: cannot be read: No such file or directory" +
            remedy});
  if (::geteuid() == 0) return;
  std::filesystem::permissions(f.folder.path() / "token", std::filesystem::perms::none);
  CHECK(of_service("token_file = \"token\"\n") ==
        texts{at + "cannot be read: Permission denied" + remedy});
}

TEST_CASE("secret files: one that others can read, or that protects nothing, is a warning") {
  const folder_of_secrets f;
  const std::string path = f.write("token", "a secret of the test\n");
  const std::string text = server + service + "token_file = \"token\"\n";
  CHECK(f.problems(text).empty());
  std::filesystem::permissions(path, std::filesystem::perms(0640));
  CHECK(f.problems(text).empty());
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  CHECK(f.problems(text) ==
        texts{"main.toml:5:14: warning: server.services.a.token_file: every user of this host can "
              "read the file; take the permission away, as `chmod o= FILE` does"});
  f.write("token", "123\n");
  CHECK(f.problems(text) ==
        texts{"main.toml:5:14: warning: server.services.a.token_file: this token is in public "
              "examples, so everybody knows it; write a secret of your own, such as `openssl rand "
              "-hex 16` prints"});
}

TEST_CASE("secret files: the password of an identity and a Noise key") {
  const folder_of_secrets f;
  const std::string key = "gzdo5mLDuoVYg4RTQHhlwuBrNV1MSq1BcK+vlk9M1Ec=";
  f.write("password", "of the identity\n");
  f.write("key", key + "\n");
  const std::string side = server + "services = {}\n[server.transport]\n";
  const std::string tls = "[server.transport.tls]\npkcs12 = \"identity.p12\"\n";
  const std::string noise = "[server.transport.noise]\n";
  const document over_tls =
      f.load(side + "type = \"tls\"\n" + tls + "pkcs12_password_file = \"password\"\n");
  CHECK(over_tls.settings.server->transport.tls->pkcs12_password->view() == "of the identity");
  const document over_noise =
      f.load(side + "type = \"noise\"\n" + noise + "local_private_key_file = \"key\"\n");
  CHECK(over_noise.settings.server->transport.noise->local_private_key->view().size() == 32);

  CHECK(f.problems(side + "type = \"tls\"\n" + tls + "pkcs12_password_file = \"missing\"\n") ==
        texts{"main.toml:8:24: server.transport.tls.pkcs12_password_file: cannot be read: No such "
              "file or directory; name a regular file that has the secret and that the program may "
              "read"});
  CHECK(
      f.problems(side + "type = \"noise\"\n" + noise + "local_private_key_file = \"password\"\n") ==
      texts{"main.toml:7:26: server.transport.noise.local_private_key_file: Failed to decode "
            "local_private_key_file: not 32 bytes in base64; use a key that `rathole --genkey` "
            "printed"});
  CHECK(f.problems(side + "type = \"noise\"\n" + noise + "local_private_key_file = \"key\"\n" +
                   "local_private_key = \"" + key + "\"\n") ==
        texts{"main.toml:7:26: server.transport.noise.local_private_key_file: both "
              "`local_private_key` and `local_private_key_file`; keep one of them"});
}

TEST_CASE("secret files: those of tables that are not used are not read") {
  const folder_of_secrets f;
  const std::string tables =
      "type = \"tcp\"\n[client.transport.tls]\npkcs12_password_file = \"missing\"\n"
      "[client.transport.noise]\nlocal_private_key_file = \"missing\"\n";
  const auto found =
      f.problems("[client]\nremote_addr = \"h:1\"\nservices = {}\n[client.transport]\n" + tables);
  REQUIRE(found.size() == 2);
  for (const std::string& each : found) CHECK(each.contains("warning: "));
  CHECK(
      f.problems("[client]\nremote_addr = \"h:1\"\nservices = {}\n[client.transport]\n"
                 "type = \"tls\"\n[client.transport.tls]\npkcs12_password_file = \"missing\"\n") ==
      texts{"main.toml:7:24: warning: client.transport.tls.pkcs12_password_file: a client does "
            "not use this key; remove it, or move it to the other side"});
}

TEST_CASE("secret files: the configuration depends on them, also if it has problems") {
  const folder_of_secrets f;
  const auto path = [&](const char* name) { return (f.folder.path() / name).string(); };
  f.write("b.token", "x\n");
  const std::string main =
      f.write("main.toml", server + service + "token_file = \"a.token\"\n[server.services.b]\n" +
                               "bind_addr = \"0.0.0.0:8002\"\ntoken_file = \"b.token\"\n");
  include_files files(main);
  CHECK_FALSE(load_document(main, files, nullptr, {}));
  CHECK(files.paths().files == texts{main, path("a.token"), path("b.token")});
  f.write("a.token", "y\n");
  CHECK(load_document(main, files, nullptr, {}));
  CHECK(files.paths().files == texts{main, path("a.token"), path("b.token")});
  f.write("main.toml", server + service + "token = \"x\"\n");
  CHECK(load_document(main, files, nullptr, {}));
  CHECK(files.paths().files == texts{main});

  // The identity may be replaced after its password.
  f.write("main.toml", server + "services = {}\n[server.transport]\ntype = \"tls\"\n" +
                           "[server.transport.tls]\npkcs12 = \"/identity.p12\"\n" +
                           "pkcs12_password_file = \"b.token\"\n");
  CHECK(load_document(main, files, nullptr, {}));
  CHECK(files.paths().files == texts{main, "/identity.p12", path("b.token")});

  f.write("main.toml", server + "services = {}\n[server.admin]\nbind_addr = \"127.0.0.1:1\"\n" +
                           "token_file = \"b.token\"\n");
  CHECK(load_document(main, files, nullptr, {}));
  CHECK(files.paths().files == texts{main, path("b.token")});

  f.write("main.toml", "log_file = \"" + path("a.token") + "\"\n" + server + service +
                           "token_file = \"a.token\"\n");
  const auto overwritten = load_document(main, files, nullptr, {});
  REQUIRE_FALSE(overwritten);
  CHECK(overwritten.error().front().what == "this is a file of the configuration");
}

}  // namespace
}  // namespace rathole::config
