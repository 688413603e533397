#pragma once

#include "process.hpp"
#include "temp_dir.hpp"
#include "tools.hpp"
#include "udp.hpp"

#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rathole::test {

/// A name server with `names` hosts of both families, and as many long TXT records.
class dnsmasq {
 public:
  explicit dnsmasq(int names) {
    std::string text = "no-resolv\nno-hosts\nbind-interfaces\nlisten-address=127.0.0.1\nport=" +
                       std::to_string(port_) + "\n";
    std::string questions;
    for (int i = 0; i < names; ++i) {
      const std::string host = "host-" + std::to_string(i) + ".test";
      const std::string text_name = "text-" + std::to_string(i) + ".test";
      const std::string number = std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
      text += "host-record=" + host + ",127.1." + number + ",fd00::" + std::to_string(i) + "\n";
      text += "txt-record=" + text_name;
      for (int part = 0; part < 4; ++part)
        text += "," + std::string(static_cast<std::size_t>(i % 240 + 10), "abcd"[part]);
      text += "\n";
      questions += host + " A\n" + host + " AAAA\n" + text_name + " TXT\n";
    }
    questions_ = folder_.write("questions", questions);
    program_.emplace(tool("dnsmasq"),
                     std::vector<std::string>{"-d", "-C", folder_.write("dnsmasq.conf", text)});
    if (!program_->wait_for("started")) throw std::runtime_error(program_->output());
  }

  std::uint16_t port() const { return port_; }
  /// Returns whether it answers on a port.
  static bool answers_on(std::uint16_t port) {
    process dig(tool("dig"), arguments(port, {"+tries=1", "host-0.test"}));
    return dig.wait_exit() == 0;
  }
  /// Returns the output of `dig` for all names, over UDP, sent to a port; each query has another
  /// source port.
  std::string ask_all(std::uint16_t port) const {
    const std::string report = run_tool("dig", arguments(port, {"+tries=20", "-f", questions_}));
    std::string answers;
    std::istringstream lines(report);
    // A comment reports a query that had to be repeated.
    for (std::string line; std::getline(lines, line);)
      if (!line.starts_with(";;")) answers += line + "\n";
    return answers;
  }

 private:
  static std::vector<std::string> arguments(std::uint16_t port,
                                            const std::vector<std::string>& more) {
    std::vector<std::string> all = {"@127.0.0.1", "-p",      std::to_string(port),
                                    "+notcp",     "+ignore", "+timeout=1",
                                    "+noall",     "+answer"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  reserved_port port_ = reserve_both();
  temp_dir folder_;
  std::string questions_;
  std::optional<process> program_;
};

}  // namespace rathole::test
