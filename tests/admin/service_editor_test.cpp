#include "api_fixture.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace rathole::admin {
namespace {

const std::string services = "/api/v1/services/";

TEST_CASE("editor: a service is added, replaced and removed in a file of its own") {
  api_fixture f;
  const response added = f.ask("PUT", services + "ssh",
                               R"({"bind_addr":"0.0.0.0:22","token":"mine","nodelay":false,)"
                               R"("pool":{"size":4},"idle_timeout":60})");
  CHECK(added.status == 201);
  CHECK(json::parse(added.body)["settings"]["token"] == "********");
  CHECK(f.text("services.d/ssh.toml") ==
        "[server.services.ssh]\nbind_addr = \"0.0.0.0:22\"\nidle_timeout = 60\nnodelay = false\n"
        "token = \"mine\"\n\n[server.services.ssh.pool]\nsize = 4\n");
  struct stat found{};
  REQUIRE(::stat(f.path("services.d/ssh.toml").c_str(), &found) == 0);
  CHECK((found.st_mode & 077) == 0);

  CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:23","token":"********"})").status ==
        200);
  CHECK(f.text("services.d/ssh.toml") ==
        "[server.services.ssh]\nbind_addr = \"0.0.0.0:23\"\ntoken = \"mine\"\n");
  CHECK(f.ask("DELETE", services + "ssh").status == 204);
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));
  CHECK(f.ask("DELETE", services + "ssh").status == 404);
  CHECK(f.program->reloads == 3);
}

TEST_CASE("editor: a merge patch changes what it names") {
  api_fixture f;
  f.ask("PUT", services + "ssh",
        R"({"bind_addr":"0.0.0.0:22","token":"mine","pool":{"size":4,"max_idle":32}})");
  const json patched =
      f.ask_json("PATCH", services + "ssh", R"({"bind_addr":"[::]:22","pool":{"size":null}})");
  CHECK(patched["settings"] ==
        json::parse(R"({"bind_addr":"[::]:22","pool":{"max_idle":32},"token":"********"})"));
  CHECK(f.text("services.d/ssh.toml").contains("token = \"mine\""));
  CHECK(f.ask("PATCH", services + "other", R"({"bind_addr":"[::]:22"})").status == 404);
  CHECK(f.ask("PATCH", services + "ssh", R"({"token":"new"})",
              {{"Content-Type", "application/merge-patch+json"}})
            .status == 200);
  CHECK(f.text("services.d/ssh.toml").contains("token = \"new\""));
}

TEST_CASE("editor: the mask of a secret is no secret") {
  api_fixture f;
  const std::string masked_token = R"({"bind_addr":"0.0.0.0:22","token":"********"})";
  const json refused = f.ask_json("PUT", services + "ssh", masked_token);
  CHECK(refused["status"] == 422);
  CHECK(refused["problems"][0]["key"] == "server.services.ssh.token");
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));

  // With the default token, it has none of its own.
  CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})").status == 201);
  CHECK(f.ask("PATCH", services + "ssh", R"({"token":"********"})").status == 422);
  CHECK_FALSE(f.text("services.d/ssh.toml").contains("token"));
}

TEST_CASE("editor: names of every kind have files of their own") {
  api_fixture f;
  struct example {
    std::string target;
    std::string file;
    std::string header;
  };
  const example examples[] = {
      {"my%20web", "my%20web.toml", "[server.services.\"my web\"]"},
      {"a%2Fb", "a%2Fb.toml", "[server.services.\"a/b\"]"},
      {"..%2F..%2Fetc", "%2E.%2F..%2Fetc.toml", "[server.services.\"../../etc\"]"},
      {".hidden", "%2Ehidden.toml", "[server.services.\".hidden\"]"},
      {"%E2%82%AC", "%E2%82%AC.toml", "[server.services.\"\xe2\x82\xac\"]"},
      {"a%22b%5Cc", "a%22b%5Cc.toml", "[server.services.\"a\\\"b\\\\c\"]"},
  };
  int port = 9000;
  for (const auto& [target, file, header] : examples) {
    CAPTURE(target);
    const std::string settings = R"({"bind_addr":"0.0.0.0:)" + std::to_string(++port) + "\"}";
    CHECK(f.ask("PUT", services + target, settings).status == 201);
    REQUIRE(f.has_file("services.d/" + file));
    CHECK(f.text("services.d/" + file).starts_with(header + "\n"));
    CHECK(f.ask("GET", services + target).status == 200);
    CHECK(f.ask("PUT", services + target, settings).status == 200);
  }
  for (const auto& [target, file, header] : examples) {
    CHECK(f.ask("DELETE", services + target).status == 204);
  }
  CHECK(std::filesystem::is_empty(f.path("services.d")));
  for (const std::string& wrong :
       std::vector<std::string>{"%2E", "%2e%2E", "a%0Ab", "%7F", std::string(300, 'x')}) {
    CAPTURE(wrong);
    CHECK(f.ask("PUT", services + wrong, R"({"bind_addr":"0.0.0.0:1"})").status == 422);
  }
  CHECK(std::filesystem::is_empty(f.path("services.d")));
}

TEST_CASE("editor: wrong settings change nothing, and all problems are named") {
  api_fixture f;
  const json refused = f.ask_json("PUT", services + "ssh",
                                  R"({"bind_addr":"nowhere","pool":{"size":-1},"unknown":true})");
  CHECK(refused["status"] == 422);
  REQUIRE(refused["problems"].size() == 3);
  CHECK(refused["detail"] == "3 problems; nothing was changed.");
  CHECK(refused["problems"][0]["key"] == "server.services.ssh.bind_addr");
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));
  CHECK(f.program->reloads == 0);
  for (const std::string wrong :
       {R"({"bind_addr":null})", R"({"bind_addr":1.5})", R"({"bind_addr":["0.0.0.0:1",2]})",
        R"({"idle_timeout":18446744073709551615})"}) {
    CAPTURE(wrong);
    CHECK(f.ask("PUT", services + "ssh", wrong).status == 422);
  }
  const json values = f.ask_json("PUT", services + "ssh",
                                 R"({"bind_addr":null,"idle_timeout":1.5,"pool":{"size":[1]}})");
  CHECK(values["problems"].size() == 3);
  // The port belongs to another service.
  const json taken = f.ask_json("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:8080"})");
  CHECK(taken["problems"][0]["what"].get<std::string>().contains("server.services.web.bind_addr"));
  CHECK(std::filesystem::is_empty(f.path("services.d")));
}

TEST_CASE("editor: a number that is no integer is told from one that is too large") {
  api_fixture f;
  const auto what = [&f](const std::string& number) {
    const json refused = f.ask_json("PUT", services + "ssh",
                                    R"({"bind_addr":"0.0.0.0:22","idle_timeout":)" + number + '}');
    REQUIRE(refused["problems"].size() == 1);
    return refused["problems"][0]["what"].get<std::string>();
  };
  for (const char* number : {"1.5", "1e3", "1.0"}) {
    CHECK(what(number) == "a number with a fraction or an exponent");
  }
  for (const char* number : {"99999999999999999999999999", "-99999999999999999999999999", "1e300",
                             "18446744073709551615"}) {
    CHECK(what(number) == "the number is out of range");
  }
}

TEST_CASE(
    "editor: no service has its socket where files are included, and one there stops no edit") {
  api_fixture f;
  const json refused =
      f.ask_json("PUT", services + "ssh", R"({"bind_addr":"unix:services.d/zzz.toml"})");
  CHECK(refused["status"] == 422);
  REQUIRE(refused["problems"].size() == 1);
  CHECK(refused["problems"][0]["key"] == "server.services.ssh.bind_addr");
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));
  std::filesystem::create_directory(f.path("services.d/zzz.toml"));
  CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})").status == 201);
}

TEST_CASE("editor: a text that would be TOML stays a text") {
  api_fixture f;
  CHECK(f.ask("PUT", services + "ssh",
              R"({"bind_addr":"0.0.0.0:22","token":"\"\n[server]\nbind_addr = \"evil\u0001\\"})")
            .status == 201);
  const auto loaded = config::load_document(f.path("server.toml"));
  REQUIRE(loaded);
  CHECK(loaded->settings.server->bind_addr.front().host == "0.0.0.0");
  CHECK(loaded->settings.server->services[0].token.view() ==
        "\"\n[server]\nbind_addr = \"evil\x01\\");
}

TEST_CASE("editor: a variable of a file is kept, and none comes from a request") {
  api_fixture f;
  const std::string written =
      "[server.services.ssh]\nbind_addr = \"${NO_SUCH_VARIABLE:-0.0.0.0}:22\"\n"
      "token = \"${NO_SUCH_VARIABLE:-unspeakable}\"\n";
  f.folder.write("services.d/ssh.toml", written);
  REQUIRE(f.ask("POST", "/api/v1/reload").status == 200);
  const response shown = f.ask("GET", services + "ssh");
  CHECK(shown.body.contains("${NO_SUCH_VARIABLE:-0.0.0.0}:22"));
  CHECK_FALSE(shown.body.contains("unspeakable"));
  CHECK(f.ask("PATCH", services + "ssh", R"({"nodelay":true,"token":"********"})").status == 200);
  CHECK(f.text("services.d/ssh.toml").contains("\"${NO_SUCH_VARIABLE:-0.0.0.0}:22\""));
  CHECK(f.text("services.d/ssh.toml").contains("\"${NO_SUCH_VARIABLE:-unspeakable}\""));

  for (const std::string wrong :
       {R"({"token":"${HOME}"})", R"({"bind_addr":"${HOME:-h}:1"})", R"({"token":"${"})",
        R"({"bind_addr":["${NO_SUCH_VARIABLE:-0.0.0.0}:22","${HOME:-h}:1"]})",
        R"({"pool":{"size":"${HOME}"}})"}) {
    CAPTURE(wrong);
    const json refused = f.ask_json("PATCH", services + "ssh", wrong);
    CHECK(refused["status"] == 422);
    CHECK(refused["problems"][0]["what"] ==
          "`${` would begin a variable of the program's environment");
  }
  CHECK(
      f.ask("PATCH", services + "ssh", R"({"bind_addr":"0.0.0.0:22","token":"$${HOME}"})").status ==
      200);
  const auto loaded = config::load_document(f.path("server.toml"));
  REQUIRE(loaded);
  CHECK(loaded->settings.server->services[0].token.view() == "${HOME}");

  f.folder.write("server.toml", "interpolate = false\n" + std::string(f.main_text));
  CHECK(
      f.ask("PATCH", services + "ssh", R"({"bind_addr":"0.0.0.0:22","token":"${HOME}"})").status ==
      200);
}

TEST_CASE("editor: the variables of a list are kept when others are added") {
  api_fixture f;
  f.folder.write("services.d/ssh.toml",
                 "[server.services.ssh]\nallow = [\"${NO_SUCH_VARIABLE:-192.0.2.7}\", "
                 "\"10.0.0.0/8\"]\nbind_addr = \"${NO_SUCH_VARIABLE:-0.0.0.0}:22\"\n");
  const json changed =
      f.ask_json("PATCH", services + "ssh",
                 R"({"allow":["192.0.2.1","10.0.0.0/8","${NO_SUCH_VARIABLE:-192.0.2.7}"],)"
                 R"("bind_addr":["${NO_SUCH_VARIABLE:-0.0.0.0}:22","0.0.0.0:23"]})");
  CHECK(f.text("services.d/ssh.toml") ==
        "[server.services.ssh]\nallow = [\"192.0.2.1\", \"10.0.0.0/8\", "
        "\"${NO_SUCH_VARIABLE:-192.0.2.7}\"]\n"
        "bind_addr = [\"${NO_SUCH_VARIABLE:-0.0.0.0}:22\", \"0.0.0.0:23\"]\n");
  // The key of another list has not had it.
  CHECK(f.ask("PATCH", services + "ssh", R"({"deny":["${NO_SUCH_VARIABLE:-192.0.2.7}"]})").status ==
        422);
}

TEST_CASE("editor: a key that no service has cannot be removed, unless the file has it") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string before = f.text("services.d/ssh.toml");
  const json refused = f.ask_json("PATCH", services + "ssh",
                                  R"({"max_conections":null,"pool":{"siz":null,"size":null}})");
  CHECK(refused["status"] == 422);
  REQUIRE(refused["problems"].size() == 2);
  CHECK(refused["problems"][0]["key"] == "server.services.ssh.max_conections");
  CHECK(refused["problems"][0]["remedy"] == "did you mean `max_connections`?");
  CHECK(refused["problems"][1]["key"] == "server.services.ssh.pool.siz");
  CHECK(f.text("services.d/ssh.toml") == before);
  CHECK(
      f.ask("PATCH", services + "ssh", R"({"max_connections":null,"pool":{"size":null}})").status ==
      200);
  f.folder.write("services.d/ssh.toml", before + "max_conections = 4\n");
  CHECK(f.ask("PATCH", services + "ssh", R"({"nodelay":true})").status == 422);
  CHECK(f.ask("PATCH", services + "ssh", R"({"max_conections":null})").status == 200);
}

TEST_CASE("editor: the answer to a change has the warnings of its settings") {
  api_fixture f;
  const json warned =
      f.ask_json("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22","mode":"0600"})");
  REQUIRE(warned["warnings"].size() == 1);
  CHECK(warned["warnings"][0]["key"] == "server.services.ssh.mode");
  CHECK(warned["warnings"][0]["severity"] == "warning");
  CHECK_FALSE(
      f.ask_json("PUT", services + "one", R"({"bind_addr":"0.0.0.0:1"})").contains("warnings"));
  CHECK_FALSE(f.ask_json("GET", services + "ssh").contains("warnings"));
}

TEST_CASE("editor: a path of a socket has no control characters") {
  api_fixture f;
  for (const std::string wrong :
       {R"({"bind_addr":"unix:/tmp/a\nb"})", R"({"bind_addr":"unix:@\u007f"})",
        R"({"type":"socket_stream","bind_addr":"/tmp/\t"})"}) {
    CAPTURE(wrong);
    const json refused = f.ask_json("PUT", services + "ssh", wrong);
    CHECK(refused["status"] == 422);
    CHECK(refused["problems"][0]["what"] ==
          "a control character in the path of a Unix-domain socket");
  }
}

TEST_CASE("editor: the folder may be that of the configuration, which is named without one") {
  for (const std::string folder : {".", "./"}) {
    CAPTURE(folder);
    api_fixture f;
    std::string main(api_fixture::main_text);
    main.replace(main.find("services.d"), 10, folder);
    f.folder.write("server.toml", main);
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(f.folder.path());
    f.program.emplace("server.toml");
    f.editor.emplace(*f.link, "server.toml", config::side::server, folder);
    const json added = f.ask_json("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
    CHECK(added["editable"] == true);
    CHECK(added["file"] == "ssh.toml");
    CHECK(f.ask("PATCH", services + "ssh", R"({"nodelay":true})").status == 200);
    CHECK(f.ask("PUT", services + "server", R"({"bind_addr":"0.0.0.0:23"})").status == 409);
    CHECK(f.ask("DELETE", services + "ssh").status == 204);
    std::filesystem::current_path(before);
    CHECK(f.text("server.toml") == main);
    CHECK_FALSE(f.has_file("ssh.toml"));
  }
}

TEST_CASE("editor: a folder that the files on the disk do not name any more gets no file") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string before = f.text("services.d/ssh.toml");
  std::string main(api_fixture::main_text);
  main.replace(main.find("services.d"), 10, "other.d");
  std::filesystem::create_directory(f.path("other.d"));
  f.folder.write("server.toml", main);
  CHECK(f.ask("PUT", services + "new", R"({"bind_addr":"0.0.0.0:24"})").status == 409);
  CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:24"})").status == 409);
  CHECK(f.ask("PATCH", services + "ssh", R"({"nodelay":true})").status == 409);
  CHECK(f.ask("DELETE", services + "ssh").status == 409);
  CHECK_FALSE(f.has_file("services.d/new.toml"));
  CHECK(f.text("services.d/ssh.toml") == before);
  CHECK(std::filesystem::is_empty(f.path("other.d")));
}

TEST_CASE("editor: a link is neither followed nor replaced") {
  api_fixture f;
  std::filesystem::create_directory(f.path("available"));
  const std::string text = "[server.services.ssh]\nbind_addr = \"0.0.0.0:22\"\n";
  f.folder.write("available/ssh.toml", text);
  std::filesystem::create_symlink("../available/ssh.toml", f.path("services.d/ssh.toml"));
  f.ask("POST", "/api/v1/reload");
  const json shown = f.ask_json("GET", services + "ssh");
  CHECK(shown["editable"] == false);
  CHECK(shown["settings"]["bind_addr"] == "0.0.0.0:22");
  for (const std::string method : {"PUT", "PATCH", "DELETE"}) {
    CAPTURE(method);
    const std::string body = method == "DELETE" ? "" : R"({"bind_addr":"0.0.0.0:23"})";
    const json refused = f.ask_json(method, services + "ssh", body);
    CHECK(refused["status"] == 409);
    CHECK(refused["detail"].get<std::string>().contains("is a link"));
  }
  CHECK(std::filesystem::is_symlink(f.path("services.d/ssh.toml")));
  CHECK(f.text("available/ssh.toml") == text);
}

const std::string* tag_in(const response& of) {
  for (const http::field& each : of.fields) {
    if (each.name == "ETag") return &each.value;
  }
  return nullptr;
}

TEST_CASE("editor: a service is changed only if it is as the conditions of the request say") {
  api_fixture f;
  const std::string path = services + "ssh";
  const std::string settings = R"({"bind_addr":"0.0.0.0:22","token":"one"})";
  const auto ask = [&](const std::string& method, const std::string& field,
                       const std::string& value, const std::string& body = "") {
    return f.ask(method, path, body, {{field, value}});
  };
  CHECK(ask("PUT", "If-Match", "*", settings).status == 412);
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));
  const response added = ask("PUT", "If-None-Match", "*", settings);
  REQUIRE(added.status == 201);
  REQUIRE(tag_in(added));
  const std::string first = *tag_in(added);
  const response got = f.ask("GET", path);
  REQUIRE(tag_in(got));
  CHECK(*tag_in(got) == first);
  for (const std::string method : {"GET", "HEAD"}) {
    const response same = ask(method, "If-None-Match", "\"a\", W/" + first);
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    REQUIRE(tag_in(same));
    CHECK(*tag_in(same) == first);
    CHECK(ask(method, "If-None-Match", "*").status == 304);
    CHECK(ask(method, "If-None-Match", "\"a\"").status == 200);
    CHECK(ask(method, "If-Match", "\"a\"").status == 412);
    CHECK(ask(method, "If-Match", first).status == 200);
    CHECK(ask(method, "If-Match", "a").status == 400);
  }
  const std::string before = f.text("services.d/ssh.toml");
  for (const auto& [field, value] :
       {std::pair("If-None-Match", std::string("*")), std::pair("If-None-Match", first),
        std::pair("If-Match", std::string("\"a\"")), std::pair("If-Match", "W/" + first),
        std::pair("If-Match", std::string())}) {
    CAPTURE(field);
    CAPTURE(value);
    CHECK(ask("PUT", field, value, settings).status == 412);
    CHECK(ask("PATCH", field, value, R"({"nodelay":true})").status == 412);
    CHECK(ask("DELETE", field, value).status == 412);
  }
  CHECK(ask("DELETE", "If-Match", "\"").status == 400);
  CHECK(f.text("services.d/ssh.toml") == before);

  // A secret that is not shown counts too.
  const response changed = ask("PATCH", "If-Match", "\"a\" ,," + first, R"({"token":"two"})");
  REQUIRE(changed.status == 200);
  REQUIRE(tag_in(changed));
  CHECK(*tag_in(changed) != first);
  CHECK(ask("PUT", "If-Match", first, settings).status == 412);
  CHECK(ask("PUT", "If-None-Match", first, settings).status == 200);
  CHECK(*tag_in(f.ask("GET", path)) == first);
  f.folder.write("services.d/ssh.toml", "[server.services.ssh]\nbind_addr = \"0.0.0.0:22\"\n");
  CHECK(ask("DELETE", "If-Match", first).status == 412);
  CHECK(ask("DELETE", "If-Match", "*").status == 204);
  CHECK(ask("DELETE", "If-Match", "*").status == 404);
  // What cannot be changed here cannot be changed under a condition either.
  CHECK(f.ask("PUT", services + "web", settings, {{"If-Match", "*"}}).status == 409);
}

TEST_CASE("editor: the fields of conditions are lists of entity tags") {
  const auto read = [](std::vector<std::string> values) {
    http::head head;
    for (std::string& each : values) head.fields.push_back({"if-match", std::move(each)});
    return preconditions::read(head);
  };
  for (const std::string& wrong :
       std::vector<std::string>{"a", "\"", "\"a", "\"a\"b", "\"a\" \"b\"", "\"a b\"", "w/\"a\"",
                                "W/", "W/*", "*, \"a\"", "\"a\", *", "**"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read({wrong}));
  }
  CHECK_FALSE(read({"*", "*"}));
  CHECK_FALSE(read({"*", "\"a\""}));
  CHECK_FALSE(read({"\"a\"", "*"}));
  const auto several = read({"\"a,b\", \"\"", ",\"c\","});
  REQUIRE(several);
  for (const std::string tag : {"\"a,b\"", "\"\"", "\"c\""}) CHECK(several->matches(tag));
  CHECK_FALSE(several->matches("\"a\""));
  CHECK_FALSE(several->matches(std::nullopt));
  CHECK(several->differs("\"c\""));
  CHECK(read({})->matches(std::nullopt));
}

TEST_CASE("editor: the file of a token is kept, or gives way to a token") {
  api_fixture f;
  f.folder.write("ssh.token", "unspeakable\n");
  const std::string with_file = R"({"bind_addr":"0.0.0.0:22","token_file":"ssh.token"})";
  const json added = f.ask_json("PUT", services + "ssh", with_file);
  CHECK(added["settings"] == json::parse(with_file));
  CHECK(f.ask("PATCH", services + "ssh", R"({"token":"mine"})").status == 422);
  CHECK(f.ask("PATCH", services + "ssh", R"({"token":"mine","token_file":null})").status == 200);
  CHECK(f.text("services.d/ssh.toml") ==
        "[server.services.ssh]\nbind_addr = \"0.0.0.0:22\"\ntoken = \"mine\"\n");
  const json missing =
      f.ask_json("PATCH", services + "ssh", R"({"token":null,"token_file":"/no/such/file"})");
  CHECK(missing["status"] == 422);
  CHECK(missing["problems"][0]["key"] == "server.services.ssh.token_file");
}

TEST_CASE("editor: nothing is shown of a file that is not in use but what a service may have") {
  api_fixture f;
  f.ask("PUT", services + "s1", R"({"bind_addr":"0.0.0.0:22"})");
  const auto shown = [&](const std::string& text) {
    f.folder.write("services.d/s1.toml", text);
    const response got = f.ask("GET", services + "s1");
    CHECK(got.status == 200);
    CHECK_FALSE(got.body.contains("SECRET"));
    return json::parse(got.body)["settings"];
  };
  CHECK(
      shown("[server.services.s1]\nbind_addr = \"0.0.0.0:22\"\ntokn = \"SECRET1\"\n"
            "nodelay = \"SECRET2\"\nmode = \"SECRET3\"\npool = { size = 4, token = \"SECRET4\" }\n"
            "token = [\"SECRET5\"]\nudp = \"SECRET6\"\n"
            "[server.services.s1.auth]\npassword = \"SECRET7\"\n") ==
      json::parse(R"({"bind_addr":"0.0.0.0:22","pool":{"size":4}})"));
  // Whether a table is right depends on the defaults of the server.
  CHECK(shown("[server.services.s1]\nbind_addr = [\"${HOST}:1\", \"[::]:2\"]\ntoken = \"SECRET\"\n"
              "pool = { size = 4096 }\n") ==
        json::parse(
            R"({"bind_addr":["${HOST}:1","[::]:2"],"pool":{"size":4096},"token":"********"})"));
  CHECK(shown("[server.services.s1]\nbind_addr = \"SECRET\"\n").is_null());
  CHECK(shown("[server.services.s1]\ntoken = \"SECRET\"\n").is_null());
  CHECK(shown("[server.services.s2]\nbind_addr = \"SECRET\"\n").is_null());
  CHECK(shown("[server.services.s1]\ntoken = \"SECRET\n").is_null());
  std::filesystem::remove(f.path("services.d/s1.toml"));
  CHECK(f.ask_json("GET", services + "s1")["settings"].is_null());
}

TEST_CASE("editor: services of other files are read-only") {
  api_fixture f;
  f.folder.write("services.d/several.toml",
                 "[server.services.one]\nbind_addr = \"0.0.0.0:1001\"\n");
  f.ask("POST", "/api/v1/reload");
  for (const std::string name : {"web", "one"}) {
    CAPTURE(name);
    const response got = f.ask("PUT", services + name, R"({"bind_addr":"0.0.0.0:7"})");
    CHECK(got.status == 409);
    CHECK(got.body.contains(name == "web" ? "server.toml" : "several.toml"));
    CHECK(f.ask("DELETE", services + name).status == 409);
  }
  CHECK(f.text("server.toml") == api_fixture::main_text);
}

TEST_CASE("editor: a file that has more than the API writes is not touched") {
  api_fixture f;
  const std::string one = "[server.services.one]\nbind_addr = \"0.0.0.0:1001\"\n";
  for (const std::string& text :
       {"# a comment\n" + one, one + "[server.services.two]\nbind_addr = \"0.0.0.0:1002\"\n",
        std::string("[server.services.two]\nbind_addr = \"0.0.0.0:1002\"\n")}) {
    CAPTURE(text);
    f.folder.write("services.d/one.toml", text);
    f.ask("POST", "/api/v1/reload");
    CHECK(f.ask("PUT", services + "one", R"({"bind_addr":"0.0.0.0:7"})").status == 409);
    CHECK(f.text("services.d/one.toml") == text);
    if (!text.contains(one)) continue;
    CHECK(f.ask_json("GET", services + "one")["editable"] == false);
    CHECK(f.ask("PATCH", services + "one", "{}", {{"Content-Type", "application/merge-patch+json"}})
              .status == 409);
    CHECK(f.ask("DELETE", services + "one").status == 409);
    CHECK(f.text("services.d/one.toml") == text);
  }
  f.folder.write("services.d/one.toml", one);
  f.ask("POST", "/api/v1/reload");
  CHECK(f.ask_json("GET", services + "one")["editable"] == true);
  CHECK(f.ask("DELETE", services + "one").status == 204);
}

TEST_CASE("editor: edits that come together are made one after the other") {
  api_fixture f;
  int added = 0;
  for (int i = 0; i < 8; ++i) {
    auto work = f.editor->edit("s" + std::to_string(i), edit_kind::replace,
                               {{"bind_addr", "0.0.0.0:" + std::to_string(1000 + i)}});
    asio::co_spawn(f.context, std::move(work),
                   [&added](const std::exception_ptr&, const edit_outcome& done) {
                     if (done.status == 201) ++added;
                   });
  }
  f.context.run();
  CHECK(added == 8);
  CHECK(f.program->reloads == 8);
  CHECK(f.program->edits.size() == 8);
  CHECK(f.program->edits.back() == "s7 added");
}

TEST_CASE("editor: a problem of other services is not one of the edit") {
  api_fixture f;
  f.folder.write("services.d/other.toml",
                 "[server.services.other]\nbind_addr = \"0.0.0.0:1\"\ntoken = "
                 "\"use_a_secret_that_only_you_know\"\n");
  const json refused = f.ask_json("PUT", services + "one", R"({"bind_addr":"nowhere"})");
  REQUIRE(refused["problems"].size() == 1);
  CHECK(refused["problems"][0]["key"] == "server.services.one.bind_addr");
}

TEST_CASE("editor: a change that cannot be applied is taken back") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string before = f.text("services.d/ssh.toml");
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  const json failed = f.ask_json("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:23"})");
  CHECK(failed["status"] == 422);
  CHECK(failed["detail"] == "No threads. Nothing was changed.");
  CHECK(f.text("services.d/ssh.toml") == before);
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  CHECK(f.ask("PUT", services + "new", R"({"bind_addr":"0.0.0.0:24"})").status == 422);
  CHECK_FALSE(f.has_file("services.d/new.toml"));
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  CHECK(f.ask("DELETE", services + "ssh").status == 422);
  CHECK(f.text("services.d/ssh.toml") == before);
}

TEST_CASE("editor: what somebody else writes meanwhile is not lost") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string by_hand = "# my own\n[server.services.ssh]\nbind_addr = \"0.0.0.0:25\"\n";
  f.program->on_reload = [&] { f.folder.write("services.d/ssh.toml", by_hand); };
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  const json failed = f.ask_json("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:23"})");
  CHECK(failed["status"] == 422);
  CHECK(failed["detail"].get<std::string>().contains("Somebody else has changed the file"));
  CHECK(f.text("services.d/ssh.toml") == by_hand);
}

TEST_CASE("editor: a removal that somebody else takes back is left at that") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string before = f.text("services.d/ssh.toml");
  f.program->on_reload = [&] { f.folder.write("services.d/ssh.toml", before); };
  f.program->next_outcome = {.what = reload_outcome::kind::failed, .reason = "No threads."};
  CHECK(f.ask("DELETE", services + "ssh").status == 422);
  CHECK(f.text("services.d/ssh.toml") == before);
}

TEST_CASE("editor: a file that cannot be read is an error, and not taken for none") {
  const test::temp_dir folder;
  const file_content gone = content_of((folder.path() / "gone").string());
  REQUIRE(gone);
  CHECK_FALSE(gone->has_value());
  const file_content there = content_of(folder.write("file", "text"));
  REQUIRE(there);
  CHECK(there->value() == "text");
  CHECK_FALSE(content_of(folder.path().string()));
  CHECK(remove_file(folder.path() / "gone"));
}

TEST_CASE("editor: a configuration with problems is not made worse") {
  api_fixture f;
  f.folder.write("services.d/broken.toml", "not TOML");
  const response got = f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  CHECK(got.status == 409);
  CHECK(json::parse(got.body)["problems"].size() == 1);
  CHECK_FALSE(f.has_file("services.d/ssh.toml"));
}

TEST_CASE(
    "editor: what a lost token file has broken can be repaired, and nothing else is changed") {
  for (const bool is_empty : {false, true}) {
    CAPTURE(is_empty);
    api_fixture f;
    f.folder.write("v.tok", "secret\n");
    const std::string settings = R"({"bind_addr":"0.0.0.0:22","token_file":"v.tok"})";
    const auto break_it = [&] {
      f.folder.write("v.tok", "secret\n");
      REQUIRE(f.ask("PUT", services + "ssh", settings).status < 300);
      std::filesystem::remove(f.path("v.tok"));
      if (is_empty) f.folder.write("v.tok", "");
      REQUIRE(f.ask("POST", "/api/v1/reload").status == 422);
    };
    REQUIRE(f.ask("PUT", services + "other", R"({"bind_addr":"0.0.0.0:23"})").status == 201);
    const std::string other = f.text("services.d/other.toml");

    break_it();
    const std::string broken = f.text("services.d/ssh.toml");
    for (const auto& [method, name, body, status] :
         {std::tuple("PUT", "other", R"({"bind_addr":"0.0.0.0:24"})", 409),
          std::tuple("PATCH", "other", R"({"nodelay":true})", 409),
          std::tuple("DELETE", "other", "", 409),
          std::tuple("PUT", "new", R"({"bind_addr":"0.0.0.0:25"})", 409),
          std::tuple("PUT", "new", R"({"bind_addr":"nowhere"})", 422),
          std::tuple("PUT", "web", R"({"bind_addr":"0.0.0.0:80"})", 422),
          std::tuple("DELETE", "new", "", 409),
          std::tuple("PATCH", "ssh", R"({"nodelay":true})", 422)}) {
      CAPTURE(method);
      CAPTURE(name);
      const json got = f.ask_json(method, services + name, body);
      CHECK(got["status"] == status);
      const std::string problems = got["problems"].dump();
      CHECK(problems.contains("server.services.ssh.token_file"));
    }
    CHECK(f.text("services.d/other.toml") == other);
    CHECK(f.text("services.d/ssh.toml") == broken);
    CHECK_FALSE(f.has_file("services.d/new.toml"));
    CHECK(f.text("server.toml") == api_fixture::main_text);

    CHECK(f.ask("PATCH", services + "ssh", R"({"token_file":null})").status == 200);
    CHECK(f.ask("POST", "/api/v1/reload").status == 200);
    break_it();
    CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22","token":"t"})").status ==
          200);
    break_it();
    CHECK(f.ask("DELETE", services + "ssh").status == 204);
    CHECK_FALSE(f.has_file("services.d/ssh.toml"));
    CHECK(f.ask("POST", "/api/v1/reload").status == 200);
  }
}

TEST_CASE("editor: a conflict of an edit is one of the edit, wherever the file has it") {
  api_fixture f;
  f.folder.write("services.d/broken.toml", "[server.services.x]\nbind_addr = \"nowhere\"\n");
  f.folder.write("services.d/z.toml", "[server.services.z]\nbind_addr = \"0.0.0.0:90\"\n");
  const json refused = f.ask_json("PUT", services + "a", R"({"bind_addr":"0.0.0.0:90"})");
  CHECK(refused["status"] == 422);
  CHECK(refused["problems"].size() == 2);
}

TEST_CASE("editor: a folder that cannot be written is an error, and nothing is left in it") {
  api_fixture f;
  f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})");
  const std::string before = f.text("services.d/ssh.toml");
  std::filesystem::remove(f.path("services.d/ssh.toml"));
  // A folder in the place of the file cannot be replaced by it.
  std::filesystem::create_directory(f.path("services.d/old.toml"));
  std::filesystem::remove(f.path("services.d/old.toml"));
  REQUIRE(::rename(f.path("services.d").c_str(), f.path("moved").c_str()) == 0);
  CHECK(f.ask("PUT", services + "ssh", R"({"bind_addr":"0.0.0.0:22"})").status == 409);
  CHECK(before.contains("0.0.0.0:22"));
}

TEST_CASE("editor: what an interrupted write has left is removed at the start") {
  const test::temp_dir folder;
  folder.write(".rathole-abc123", "half");
  folder.write("web.toml", "whole");
  remove_unfinished(folder.path());
  CHECK_FALSE(std::filesystem::exists(folder.path() / ".rathole-abc123"));
  CHECK(std::filesystem::exists(folder.path() / "web.toml"));
  REQUIRE(replace_file(folder.path() / "web.toml", "new"));
  CHECK(test::file_text(folder.path() / "web.toml") == "new");
  CHECK_FALSE(replace_file(folder.path() / "gone" / "web.toml", "new"));
  std::filesystem::create_directory(folder.path() / "taken.toml");
  std::filesystem::create_directory(folder.path() / "taken.toml" / "x");
  CHECK_FALSE(replace_file(folder.path() / "taken.toml", "new"));
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder.path())) {
    ++entries;
  }
  CHECK(entries == 2);
}

}  // namespace
}  // namespace rathole::admin
