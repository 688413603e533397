#include "../support/parsed_command_line.hpp"

#include <rathole/app/cli.hpp>

#include <doctest/doctest.h>

#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace rathole::app {
namespace {

TEST_CASE("command line: options and operands are parsed into a request") {
  struct example {
    std::vector<std::string> words;
    arguments asked;
  };
  const example examples[] = {
      {{"c.toml"}, {.config = "c.toml"}},
      {{"-s", "c.toml"}, {.config = "c.toml", .as_server = true}},
      {{"c.toml", "--server"}, {.config = "c.toml", .as_server = true}},
      {{"--client", "c.toml"}, {.config = "c.toml", .as_client = true}},
      {{"c.toml", "-c"}, {.config = "c.toml", .as_client = true}},
      {{"--check", "c.toml"}, {.config = "c.toml", .check = true}},
      {{"--check", "-s", "c.toml"}, {.config = "c.toml", .as_server = true, .check = true}},
      {{"--log-format", "json", "c.toml"},
       {.config = "c.toml", .log_form = config::log_form::json}},
      {{"c.toml", "--log-format=text"}, {.config = "c.toml", .log_form = config::log_form::text}},
      {{"./demo"}, {.config = "./demo"}},
      {{"--", "-s.toml"}, {.config = "-s.toml"}},
      {{"demo"}, {.demo = true}},
      {{"demo", "--once"}, {.demo = true, .once = true}},
      {{"diagnose", "c.toml"}, {.config = "c.toml", .diagnose = true}},
      {{"diagnose", "c.toml", "-c"}, {.config = "c.toml", .as_client = true, .diagnose = true}},
      {{"-s", "diagnose", "c.toml"}, {.config = "c.toml", .as_server = true, .diagnose = true}},
      {{"diagnose", "--client", "--authenticate", "c.toml"},
       {.config = "c.toml", .as_client = true, .diagnose = true, .authenticate = true}},
      {{"diagnose", "diagnose"}, {.config = "diagnose", .diagnose = true}},
      {{"./diagnose"}, {.config = "./diagnose"}},
      {{"--", "diagnose"}, {.config = "diagnose"}},
  };
  for (const auto& [words, asked] : examples) {
    CAPTURE(words.back());
    const auto got = parse(words);
    REQUIRE(got.asked);
    CHECK(got.asked->config == asked.config);
    CHECK(got.asked->as_server == asked.as_server);
    CHECK(got.asked->as_client == asked.as_client);
    CHECK(got.asked->log_form == asked.log_form);
    CHECK(got.asked->check == asked.check);
    CHECK(got.asked->demo == asked.demo);
    CHECK(got.asked->once == asked.once);
    CHECK(got.asked->diagnose == asked.diagnose);
    CHECK(got.asked->authenticate == asked.authenticate);
    CHECK(got.out + got.err == "");
  }
}

TEST_CASE("command line: client and server take their settings from flags") {
  const auto got = parse({"client", "--remote", "h:1", "--service", "a=h:2", "--service=b=udp:h:3",
                          "--token-file", "t", "--transport", "websocket", "--websocket-tls"});
  REQUIRE(got.asked);
  CHECK(got.asked->config.empty());
  REQUIRE(got.asked->given);
  for (const char* part :
       {"[client]\n", "remote_addr = \"h:1\"", "default_token_file = \"t\"", "type = \"websocket\"",
        "tls = true", "[client.services.a]\nlocal_addr = \"h:2\"",
        "[client.services.b]\nlocal_addr = \"h:3\"\ntype = \"udp\""}) {
    CAPTURE(part);
    CHECK(got.asked->given->text.contains(part));
  }
  CHECK(parse({"--check", "server", "--bind", "h:1", "--service", "a=h:2", "--token-file", "t"})
            .asked->check);
  for (const std::string side : {"client", "server"}) {
    CAPTURE(side);
    const std::string usage = "\nUsage: rathole " + side + " --";
    CHECK(parse({side, "--help"}).out.contains(usage));
    const auto nothing = parse({side});
    CHECK(nothing.asked.error().value == 2);
    CHECK(nothing.err.contains("--service NAME=[udp:]HOST:PORT is missing"));
    CHECK(nothing.err.contains(usage));
    // A file of this name, as upstream takes it.
    CHECK(parse({"./" + side}).asked->config == "./" + side);
    CHECK(parse({"--", side}).asked->config == side);
    CHECK(parse({"--" + side, side}).err.contains("a file of that name is given as ./" + side));
    CHECK(parse({"c.toml", side}).err.contains("takes no configuration file"));
  }
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"client", "--token", "t"},
                                                {"client", "--bind", "h:1"},
                                                {"server", "--remote", "h:1"},
                                                {"client", "--transport", "quic"},
                                                {"client", "c.toml"}}) {
    CHECK(parse(wrong).asked.error().value == 2);
  }
}

TEST_CASE("command line: the help of a command has its own usage") {
  CHECK(parse({"diagnose", "--help"}).out.contains("\nUsage: rathole diagnose [--server"));
  CHECK(parse({"demo", "--help"}).out.contains("\nUsage: rathole demo [--once]\n"));
  CHECK(parse({"diagnose"}).err.contains("\nUsage: rathole diagnose [--server"));
}

TEST_CASE("command line: genkey accepts a curve if Noise is built in") {
  const std::pair<std::vector<std::string>, const char*> examples[] = {
      {{"--genkey"}, "x25519"},
      {{"--genkey", "x25519"}, "x25519"},
      {{"--genkey=x25519"}, "x25519"},
  };
  for (const auto& [words, curve] : examples) {
    CAPTURE(words.back());
    const auto got = parse(words);
    REQUIRE(got.asked.has_value() == transport::built_in::noise);
    if (got.asked) CHECK(got.asked->genkey == curve);
    if (!got.asked) CHECK(got.err.find("not built into this program") != std::string::npos);
  }
  CHECK_FALSE(parse({"c.toml"}).asked->genkey);
}

TEST_CASE("command line: usage errors go to standard error with status 2") {
  struct example {
    std::vector<std::string> words;
    const char* message;
  };
  const example examples[] = {
      {{}, "CONFIG is required"},
      {{""}, "CONFIG is required"},
      {{"--server"}, "CONFIG is required"},
      {{"--check"}, "CONFIG is required"},
      {{"-s", "-c", "c.toml"}, "--client"},
      {{"--server", "--client", "c.toml"}, "--client"},
      {{"a.toml", "b.toml"}, "b.toml"},
      {{"--nonsense", "c.toml"}, "--nonsense"},
      {{"--once", "c.toml"}, "--once"},
      {{"demo", "--nonsense"}, "--nonsense"},
      {{"demo", "c.toml"}, "c.toml"},
      {{"-s", "demo"}, "./demo"},
      {{"--check", "demo"}, "./demo"},
      {{"c.toml", "demo"}, "./demo"},
      {{"--genkey", "c.toml"}, "c.toml"},
      {{"--genkey", "X25519"}, "X25519"},
      {{"--genkey", "x448"}, "x448"},
      {{"--genkey", "--check"}, "no other options"},
      {{"--genkey", "demo"}, "no other options"},
      {{"--genkey", "diagnose"}, "no other options"},
      {{"diagnose"}, "./diagnose"},
      {{"-s", "diagnose"}, "./diagnose"},
      {{"--check", "diagnose"}, "./diagnose"},
      {{"--check", "diagnose", "c.toml"}, "./diagnose"},
      {{"c.toml", "diagnose", "d.toml"}, "./diagnose"},
      {{"demo", "diagnose", "c.toml"}, "./d"},
      {{"diagnose", "-s", "-c", "c.toml"}, "--client"},
      {{"diagnose", "a.toml", "b.toml"}, "b.toml"},
      {{"--authenticate", "c.toml"}, "--authenticate"},
      {{"c.toml", "--genkey"}, "exclude each other"},
  };
  for (const auto& [words, message] : examples) {
    CAPTURE(message);
    const auto got = parse(words);
    REQUIRE_FALSE(got.asked);
    CHECK(got.asked.error().value == 2);
    CHECK(got.out == "");
    CHECK(got.err.starts_with("error: "));
    const std::string first_line = got.err.substr(0, got.err.find('\n'));
    CHECK(first_line.find(message) != std::string::npos);
    CHECK(got.err.find("Usage: rathole ") != std::string::npos);
  }
}

TEST_CASE("command line: help and version go to standard output with status 0") {
  struct example {
    std::vector<std::string> words;
    std::string start;
  };
  const example examples[] = {
      {{"-h"}, "A reverse proxy for NAT traversal\n"},
      {{"--help"}, "A reverse proxy for NAT traversal\n"},
      {{"-V"}, "rathole " + std::string(version) + "\n"},
      {{"--version"}, "rathole " + std::string(version) + "\n\nBuild Version: "},
  };
  for (const auto& [words, start] : examples) {
    CAPTURE(words.back());
    const auto got = parse(words);
    REQUIRE_FALSE(got.asked);
    CHECK(got.asked.error().value == 0);
    CHECK(got.err == "");
    CHECK(got.out.substr(0, start.size()) == start);
  }
  CHECK(parse({"-V"}).out == "rathole " + std::string(version) + "\n");
  for (const char* word : {"CONFIG", "--server", "--client", "--check", "demo", "RATHOLE_LOG"}) {
    CAPTURE(word);
    CHECK(parse({"--help"}).out.find(word) != std::string::npos);
  }
  CHECK(parse({"--help"}).out.find("genkey") != std::string::npos);
  CHECK(parse({"--help"}).out.find("x448") == std::string::npos);
  for (const char* status : {"\n  0  ", "\n  1  ", "\n  2  "}) {
    CHECK(parse({"--help"}).out.find(status) != std::string::npos);
  }
}

}  // namespace
}  // namespace rathole::app
