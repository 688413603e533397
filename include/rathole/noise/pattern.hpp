#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace rathole::noise {

/// One of the two parties of a handshake (Noise section 7.1).
enum class role {
  /// The party that sends the first message.
  initiator,
  /// The party that receives the first message.
  responder
};

/// A token of a handshake message (Noise sections 5.3 and 9.1).
enum class token : std::uint8_t {
  /// The sender's ephemeral public key.
  e,
  /// The sender's static public key, encrypted if there is a key.
  s,
  /// The Diffie-Hellman result of both ephemeral keys.
  ee,
  /// The Diffie-Hellman result of the initiator's ephemeral and the responder's static key.
  es,
  /// The Diffie-Hellman result of the initiator's static and the responder's ephemeral key.
  se,
  /// The Diffie-Hellman result of both static keys.
  ss,
  /// The next pre-shared key.
  psk
};

/// A handshake pattern (Noise section 7): what the parties know about each other before the
/// handshake, and its messages, of which the initiator sends the first.
struct handshake_pattern {
  /// Whether the responder knows the initiator's static key beforehand.
  bool initiator_is_known = false;
  /// Whether the initiator knows the responder's static key beforehand.
  bool responder_is_known = false;
  /// The tokens of each message.
  std::vector<std::vector<token>> messages = {};
  /// Whether a token of a message is `token::psk`.
  bool has_psk = false;

  /// Returns whether the party `who` needs a static key.
  [[nodiscard]] bool uses_static(role who) const {
    if (who == role::initiator ? initiator_is_known : responder_is_known) return true;
    for (std::size_t i = who == role::initiator ? 0 : 1; i < messages.size(); i += 2) {
      for (const token each : messages[i]) {
        if (each == token::s) return true;
      }
    }
    return false;
  }
};

namespace detail {

/// A pattern in the notation of the Noise specification. A 'K' in the first or second place of
/// the name says that the static key of the initiator or responder is known beforehand. The
/// messages are separated by '|'.
struct pattern_text {
  /// The name of the pattern.
  std::string_view name;
  /// The tokens of its messages.
  std::string_view messages;
};

/// The patterns of Noise section 7.5 and appendix 18.1.
inline constexpr std::array<pattern_text, 35> pattern_texts{{
    {"NN", "e|e ee"},
    {"NK", "e es|e ee"},
    {"NX", "e|e ee s es"},
    {"XN", "e|e ee|s se"},
    {"XK", "e es|e ee|s se"},
    {"XX", "e|e ee s es|s se"},
    {"KN", "e|e ee se"},
    {"KK", "e es ss|e ee se"},
    {"KX", "e|e ee se s es"},
    {"IN", "e s|e ee se"},
    {"IK", "e es s ss|e ee se"},
    {"IX", "e s|e ee se s es"},
    {"NK1", "e|e ee es"},
    {"NX1", "e|e ee s|es"},
    {"X1N", "e|e ee|s|se"},
    {"X1K", "e es|e ee|s|se"},
    {"XK1", "e|e ee es|s se"},
    {"X1K1", "e|e ee es|s|se"},
    {"X1X", "e|e ee s es|s|se"},
    {"XX1", "e|e ee s|es s se"},
    {"X1X1", "e|e ee s|es s|se"},
    {"K1N", "e|e ee|se"},
    {"K1K", "e es|e ee|se"},
    {"KK1", "e|e ee se es"},
    {"K1K1", "e|e ee es|se"},
    {"K1X", "e|e ee s es|se"},
    {"KX1", "e|e ee se s|es"},
    {"K1X1", "e|e ee s|se es"},
    {"I1N", "e s|e ee|se"},
    {"I1K", "e es s|e ee|se"},
    {"IK1", "e s|e ee se es"},
    {"I1K1", "e s|e ee es|se"},
    {"I1X", "e s|e ee s es|se"},
    {"IX1", "e s|e ee se s|es"},
    {"I1X1", "e s|e ee s|se es"},
}};

/// Returns the token that is written as `word`; `token::psk` for any other word.
inline token to_token(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, token>, 6> words{{{"e", token::e},
                                                                     {"s", token::s},
                                                                     {"ee", token::ee},
                                                                     {"es", token::es},
                                                                     {"se", token::se},
                                                                     {"ss", token::ss}}};
  for (const auto& [text, value] : words) {
    if (text == word) return value;
  }
  return token::psk;
}

/// Calls `f` with each piece of `text` between the separators.
template <class F>
void split(std::string_view text, char separator, F f) {
  for (;;) {
    const auto end = text.find(separator);
    f(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace detail

/// Returns the interactive pattern `name`, without modifiers; nothing if there is none.
inline std::optional<handshake_pattern> find_pattern(std::string_view name) {
  for (const auto& each : detail::pattern_texts) {
    if (each.name != name) continue;
    handshake_pattern out;
    out.initiator_is_known = name.front() == 'K';
    const std::string_view second = name.substr(name[1] == '1' ? 2 : 1);
    out.responder_is_known = second.front() == 'K';
    detail::split(each.messages, '|', [&out](std::string_view message) {
      auto& tokens = out.messages.emplace_back();
      detail::split(message, ' ',
                    [&tokens](std::string_view word) { tokens.push_back(detail::to_token(word)); });
    });
    return out;
  }
  return std::nullopt;
}

/// Adds the modifier `psk<position>` (Noise section 9.4); returns false if the pattern has no such
/// position.
inline bool add_psk(handshake_pattern& to, std::size_t position) {
  if (position > to.messages.size()) return false;
  to.has_psk = true;
  if (position == 0) {
    auto& first = to.messages.front();
    first.insert(first.begin(), token::psk);
  } else {
    to.messages[position - 1].push_back(token::psk);
  }
  return true;
}

}  // namespace rathole::noise
