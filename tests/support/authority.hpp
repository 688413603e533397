#pragma once

#include "file_text.hpp"
#include "temp_dir.hpp"
#include "tools.hpp"

#include <string>
#include <vector>

namespace rathole::test {

/// The files of an identity, in PEM. The certificate's file may hold those of its issuers, too.
struct identity_files {
  std::string certificate;
  std::string key;
};

/// Describes the identity to make.
struct identity_spec {
  std::string names = "DNS:localhost";
  /// The begin and end of its validity, `YYMMDD`.
  std::string since = "200101";
  std::string until = "491231";
  /// The key type, as the argument of `openssl req -newkey`.
  std::vector<std::string> key = {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"};
};

/// A certificate authority: the files of the program `openssl`, in a temporary directory.
class authority {
 public:
  authority() {
    folder_.write("index", "");
    folder_.write("config", "[ca]\ndefault_ca = us\n[us]\ndatabase = " + at("index") +
                                "\nnew_certs_dir = " + folder_.path().string() +
                                "\nrand_serial = yes\ndefault_md = sha256\npolicy = any\n"
                                "unique_subject = no\n[any]\ncommonName = supplied\n");
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
             "-days", "3650", "-subj", "/CN=authority of the tests", "-addext",
             "keyUsage = critical, keyCertSign", "-keyout", at("root.key"), "-out",
             at("root.crt")});
  }

  /// Returns the file of the authority's own certificate.
  std::string root() const { return at("root.crt"); }

  /// Makes a server's key and certificate as files.
  identity_files issue(const identity_spec& spec = {}) {
    return issue_by(root(), at("root.key"), spec, "basicConstraints = CA:FALSE");
  }
  /// As `issue`, by an intermediate authority: the first identity has the whole chain in its file,
  /// the second the server's certificate alone.
  std::vector<identity_files> issue_through_intermediate() {
    const identity_files between = issue_by(
        root(), at("root.key"), {}, "basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign");
    const identity_files alone =
        issue_by(between.certificate, between.key, {}, "basicConstraints = CA:FALSE");
    const std::string chain = folder_.write(
        next_name() + ".crt", file_text(alone.certificate) + file_text(between.certificate));
    return {{chain, alone.key}, alone};
  }
  /// Makes a self-signed certificate.
  identity_files self_signed() {
    const std::string name = next_name();
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
             "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName = DNS:localhost",
             "-keyout", at(name + ".key"), "-out", at(name + ".crt")});
    return {at(name + ".crt"), at(name + ".key")};
  }
  /// Packs an identity as PKCS#12 with the password `secret`; `options` are further ones of
  /// `openssl pkcs12`.
  std::string pack(const identity_files& from, const std::vector<std::string>& options = {}) {
    std::string file = at(next_name() + ".p12");
    std::vector<std::string> arguments = {"pkcs12",   "-export",    "-in",  from.certificate,
                                          "-inkey",   from.key,     "-out", file,
                                          "-passout", "pass:secret"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    openssl(arguments);
    return file;
  }

 private:
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }
  std::string next_name() { return "identity" + std::to_string(++made_); }
  static void openssl(const std::vector<std::string>& arguments) { run_tool("openssl", arguments); }

  identity_files issue_by(const std::string& issuer, const std::string& issuer_key,
                          const identity_spec& spec, const std::string& extensions) {
    const std::string name = next_name();
    std::vector<std::string> request = {"req",
                                        "-new",
                                        "-noenc",
                                        "-subj",
                                        "/CN=" + name,
                                        "-keyout",
                                        at(name + ".key"),
                                        "-out",
                                        at(name + ".csr"),
                                        "-newkey"};
    request.insert(request.end(), spec.key.begin(), spec.key.end());
    openssl(request);
    const std::string details =
        folder_.write(name + ".ext", "subjectAltName = " + spec.names + "\n" + extensions + "\n");
    openssl({"ca", "-batch", "-notext", "-config", at("config"), "-cert", issuer, "-keyfile",
             issuer_key, "-startdate", spec.since + "000000Z", "-enddate", spec.until + "000000Z",
             "-extfile", details, "-in", at(name + ".csr"), "-out", at(name + ".crt")});
    return {at(name + ".crt"), at(name + ".key")};
  }

  temp_dir folder_;
  int made_ = 0;
};

}  // namespace rathole::test
