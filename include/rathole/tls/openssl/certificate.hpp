#pragma once

#include <openssl/bio.h>
#include <openssl/x509.h>

#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <new>
#include <string>

namespace rathole::tls {

/// Returns the subject of `certificate` in the form of RFC 2253, which escapes what is not
/// printable ASCII.
inline std::string openssl_subject(const X509& certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  if (!out) throw std::bad_alloc();
  X509_NAME_print_ex(out.get(), X509_get_subject_name(&certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

/// Returns the last day on which `certificate` is valid, by UTC; a day that is not `ok` if its date
/// is malformed.
inline std::chrono::year_month_day openssl_expiry(const X509& certificate) {
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &end) != 1) return {};
  return {std::chrono::year(end.tm_year + 1900),
          std::chrono::month(static_cast<unsigned>(end.tm_mon + 1)),
          std::chrono::day(static_cast<unsigned>(end.tm_mday))};
}

}  // namespace rathole::tls
