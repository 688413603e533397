#pragma once

#include "bytes.hpp"

#include <string_view>

/// Worked examples of protocol version 1: service "ssh", token "use_a_secret", and a nonce that
/// counts from 00 to 1f.
namespace rathole::test::wire {

inline constexpr std::string_view service_digest =
    "7f5a55cf3f88be936fb9440249cb449f3067ccee4b525d0027dc9278a29c32c1";
inline constexpr std::string_view nonce =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
inline constexpr std::string_view session_key =
    "47738aae7c92ff9b06e94dfe63e0842ce9bb57dd94e3765fef56d20da2c56b12";

inline const byte_vector client_hello = bytes(
    "00 00 00 00 01 7f 5a 55 cf 3f 88 be 93 6f b9 44"
    "02 49 cb 44 9f 30 67 cc ee 4b 52 5d 00 27 dc 92"
    "78 a2 9c 32 c1");
inline const byte_vector server_hello = bytes(
    "00 00 00 00 01 00 01 02 03 04 05 06 07 08 09 0a"
    "0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a"
    "1b 1c 1d 1e 1f");
inline const byte_vector auth = bytes(
    "47 73 8a ae 7c 92 ff 9b 06 e9 4d fe 63 e0 84 2c"
    "e9 bb 57 dd 94 e3 76 5f ef 56 d2 0d a2 c5 6b 12");
inline const byte_vector data_hello = bytes(
    "01 00 00 00 01 47 73 8a ae 7c 92 ff 9b 06 e9 4d"
    "fe 63 e0 84 2c e9 bb 57 dd 94 e3 76 5f ef 56 d2"
    "0d a2 c5 6b 12");

inline const byte_vector ack_ok = bytes("00 00 00 00");
inline const byte_vector ack_service_not_exist = bytes("01 00 00 00");
inline const byte_vector ack_authentication_failed = bytes("02 00 00 00");
inline const byte_vector create_data_channel = bytes("00 00 00 00");
inline const byte_vector heartbeat = bytes("01 00 00 00");
inline const byte_vector start_forward_tcp = bytes("00 00 00 00");
inline const byte_vector start_forward_udp = bytes("01 00 00 00");

/// UDP frames: "ping" of 192.0.2.10:50000; "hello" of [2001:db8::1]:53124; an empty datagram of
/// 192.0.2.10:50000 as a dual-stack socket reports it.
inline const byte_vector udp_frame_v4 = bytes("0c 00 00 00 00 c0 00 02 0a 50 c3 04 00 70 69 6e 67");
inline const byte_vector udp_frame_v6 = bytes(
    "18 01 00 00 00 20 01 0d b8 00 00 00 00 00 00 00"
    "00 00 00 00 01 84 cf 05 00 68 65 6c 6c 6f");
inline const byte_vector udp_frame_mapped = bytes(
    "18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 ff"
    "ff c0 00 02 0a 50 c3 00 00");

}  // namespace rathole::test::wire
