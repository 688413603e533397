#pragma once

#include "../support/file_text.hpp"
#include "../support/temp_dir.hpp"

#include <rathole/core/bytes.hpp>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

/// Keys, certificates and other files made by the program `openssl`.
namespace rathole::test {

/// A directory in which `openssl` runs. The constructor makes a root authority (root.pem), an
/// intermediate one (middle.pem), and server certificates by that: ec.pem with ec.key, and rsa.pem
/// with rsa.key.
class openssl_files {
 public:
  openssl_files() {
    run("req -x509 -days 30 -nodes -subj /CN=Root -keyout root.key -out root.pem" + p256());
    dir_.write("authority.cnf", "basicConstraints = critical, CA:true\n");
    issue("middle", "root", p256(), " -extfile authority.cnf");
    issue("ec", "middle", p256());
    issue("rsa", "middle", " -newkey rsa:2048");
  }

  /// Runs `openssl` with `arguments` in a shell.
  void run(const std::string& arguments) const {
    const std::string command =
        "cd '" + dir_.path().string() + "' && openssl " + arguments + " 2> openssl.log";
    if (std::system(command.c_str()) != 0) {
      throw std::runtime_error(command + ": " + read("openssl.log"));
    }
  }

  void write(const std::string& name, const std::string& text) const { dir_.write(name, text); }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (dir_.path() / name).string();
  }

  /// Returns the contents of a file.
  [[nodiscard]] std::string read(const std::string& name) const {
    return file_text(dir_.path() / name);
  }

  /// Returns what `openssl` with `arguments` writes to the file of `-out`.
  [[nodiscard]] std::string made_by(const std::string& arguments) const {
    run(arguments + " -out made");
    return read("made");
  }

  /// Returns the certificate or key of a file, in DER.
  [[nodiscard]] std::vector<std::uint8_t> certificate(const std::string& name) const {
    const std::string der = made_by("x509 -outform DER -in " + name + ".pem");
    return {der.begin(), der.end()};
  }
  [[nodiscard]] std::string key(const std::string& name) const {
    return made_by("pkcs8 -topk8 -nocrypt -outform DER -in " + name + ".key");
  }

 private:
  static std::string p256() { return " -newkey ec -pkeyopt ec_paramgen_curve:P-256"; }

  void issue(const std::string& name, const std::string& issuer, const std::string& kind,
             const std::string& more = "") const {
    run("req -new -nodes -subj /CN=" + name + " -keyout " + name + ".key -out request" + kind);
    run("x509 -req -days 30 -in request -CA " + issuer + ".pem -CAkey " + issuer + ".key -out " +
        name + ".pem" + more);
  }

  temp_dir dir_;
};

/// Returns the directory that the tests of one process share.
inline const openssl_files& shared_openssl_files() {
  static const openssl_files made;
  return made;
}

}  // namespace rathole::test
