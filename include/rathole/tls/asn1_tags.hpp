#pragma once

#include <botan/asn1_obj.h>
#include <botan/ber_dec.h>
#include <botan/version.h>

#include <cstdint>

namespace rathole::tls::detail {

// Botan 3 has renamed these constants.
#if BOTAN_VERSION_MAJOR >= 3
/// The tag of a SEQUENCE.
inline constexpr auto sequence_tag = Botan::ASN1_Type::Sequence;
/// The tag of an OCTET STRING.
inline constexpr auto octet_string_tag = Botan::ASN1_Type::OctetString;
/// The class of universal tags.
inline constexpr auto universal_class = Botan::ASN1_Class::Universal;
/// The class of context-specific tags.
inline constexpr auto context_class = Botan::ASN1_Class::ContextSpecific;
/// Botan's type of tags.
using asn1_type = Botan::ASN1_Type;
#else
inline constexpr auto sequence_tag = Botan::SEQUENCE;
inline constexpr auto octet_string_tag = Botan::OCTET_STRING;
inline constexpr auto universal_class = Botan::UNIVERSAL;
inline constexpr auto context_class = Botan::CONTEXT_SPECIFIC;
using asn1_type = Botan::ASN1_Tag;
#endif

/// Returns a decoder of the content of the next value, which must be a SEQUENCE.
inline Botan::BER_Decoder enter_sequence(Botan::BER_Decoder& in) {
  return in.start_cons(sequence_tag, universal_class);
}

/// Returns a decoder of the content of the next value, which must be `[number] EXPLICIT` or a
/// constructed value with that tag.
inline Botan::BER_Decoder enter(Botan::BER_Decoder& in, std::uint32_t number) {
  return in.start_cons(static_cast<asn1_type>(number), context_class);
}

/// Returns the tag byte of `object`, including its class.
inline std::uint32_t tag_of(const Botan::BER_Object& object) {
  return static_cast<std::uint32_t>(object.tagging());
}

}  // namespace rathole::tls::detail
