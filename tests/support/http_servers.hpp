#pragma once

#include "authority.hpp"
#include "file_text.hpp"
#include "server_program.hpp"

#include <cstdint>
#include <string>

namespace rathole::test {

/// Returns the beginning of a configuration of nginx, for one process that writes into its own folder only.
inline std::string nginx_head() {
  std::string text =
      "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\n"
      "events {}\nhttp {\naccess_log off;\n";
  for (const char* each : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    text += std::string(each) + "_temp_path " + each + ";\n";
  return text;
}

/// An nginx that proxies WebSocket at `/tunnel` of the host `tunnel.test`, if the request has
/// `X-Key: let me in`; over TLS if it is given an identity.
struct nginx : server_program {
  explicit nginx(std::uint16_t target, const identity_files& identity = {}) {
    const bool tls = !identity.key.empty();
    const std::string listen = "listen 127.0.0.1:" + std::to_string(port()) + (tls ? " ssl" : "");
    const std::string keys = tls ? "ssl_certificate " + identity.certificate +
                                       ";\nssl_certificate_key " + identity.key + ";\n"
                                 : "";
    std::string text = nginx_head();
    text += keys + "server {\n" + listen + " default_server;\nreturn 421;\n}\n";
    text += "server {\n" + listen +
            ";\nserver_name tunnel.test;\nlocation = /tunnel {\n"
            "if ($http_x_key != \"let me in\") { return 403; }\n"
            "proxy_pass http://127.0.0.1:" +
            std::to_string(target) +
            ";\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n"
            "proxy_set_header Connection \"upgrade\";\n}\n}\n}\n";
    start("nginx", {"-p", folder().path().string(), "-c", folder().write("nginx.conf", text)});
  }
};

/// An nginx that takes headers of the PROXY protocol, and answers with what they say: the visitor's address
/// and port, and the port that the visitor has reached.
struct nginx_behind_proxy : server_program {
  nginx_behind_proxy() {
    std::string text = nginx_head();
    text += "server {\nlisten 127.0.0.1:" + std::to_string(port()) +
            " proxy_protocol;\nreturn 200 \"$proxy_protocol_addr $proxy_protocol_port "
            "$proxy_protocol_server_port\";\n}\n}\n";
    start("nginx", {"-p", folder().path().string(), "-c", folder().write("nginx.conf", text)});
  }
};

/// An HAProxy that proxies all connections, in HTTP or TCP mode; over TLS if it is given an
/// identity.
struct haproxy : server_program {
  enum class mode { http, tcp };

  /// `towards` are further arguments of the line that names the backend server.
  haproxy(mode which, std::uint16_t target, const identity_files& identity = {},
          const std::string& towards = {}) {
    std::string bind = "bind 127.0.0.1:" + std::to_string(port());
    if (!identity.key.empty())
      bind += " ssl crt " +
              folder().write("both.pem", file_text(identity.certificate) + file_text(identity.key));
    const std::string text =
        "global\nnbthread 1\nmaxconn 2000\ndefaults\ntimeout connect 10s\ntimeout client 60s\n"
        "timeout server 60s\ntimeout tunnel 60s\nlisten all\nmode " +
        std::string(which == mode::http ? "http" : "tcp") + "\n" + bind +
        "\nserver ours 127.0.0.1:" + std::to_string(target) + " " + towards + "\n";
    start("haproxy", {"-db", "-f", folder().write("haproxy.cfg", text)});
  }
};

}  // namespace rathole::test
