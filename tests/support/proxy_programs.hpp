#pragma once

#include "server_program.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rathole::test {

/// The credentials that a proxy requires, if any.
struct user_and_password {
  std::string user;
  std::string password;
};

/// A SOCKS5 proxy.
struct microsocks : server_program {
  explicit microsocks(const std::optional<user_and_password>& wanted = {}) {
    std::vector<std::string> arguments = {"-i", "127.0.0.1", "-p", std::to_string(port())};
    if (wanted) arguments.insert(arguments.end(), {"-u", wanted->user, "-P", wanted->password});
    start("microsocks", arguments);
  }
};

/// An HTTP proxy.
struct tinyproxy : server_program {
  explicit tinyproxy(const std::optional<user_and_password>& wanted = {}) {
    std::string text = "Listen 127.0.0.1\nPort " + std::to_string(port()) +
                       "\nTimeout 600\nMaxClients 1000\nAllow 127.0.0.1\nLogLevel Connect\n";
    if (wanted) text += "BasicAuth " + wanted->user + " " + wanted->password + "\n";
    start("tinyproxy", {"-d", "-c", folder().write("tinyproxy.conf", text)});
  }
};

}  // namespace rathole::test
