#!/usr/bin/env python3
"""Prints tests/vectors/noise.txt: handshakes by dissononce, an implementation of Noise in Python that
has nothing in common with this project's.

  python3 -m venv /tmp/noise && /tmp/noise/bin/pip install dissononce
  /tmp/noise/bin/python tests/vectors/noise.py > tests/vectors/noise.txt

A row is a protocol name, the handshake hash, the SHA-256 of all handshake messages one behind the
other, and what the initiator and the responder make of "forth" and "back" afterwards. Keys, each of
32 equal bytes: 11 initiator's static, 22 its ephemeral, 33 responder's static, 44 its ephemeral,
psks 55, 66 and so on. Prologue and payloads are empty.
"""

import hashlib
import importlib

from dissononce.cipher.aesgcm import AESGCMCipher
from dissononce.cipher.chachapoly import ChaChaPolyCipher
from dissononce.dh.x25519.private import PrivateKey
from dissononce.dh.x25519.x25519 import X25519DH
from dissononce.extras.dh.dangerous.dh_nogen import NoGenDH
from dissononce.hash.blake2b import Blake2bHash
from dissononce.hash.blake2s import Blake2sHash
from dissononce.hash.sha256 import SHA256Hash
from dissononce.hash.sha512 import SHA512Hash
from dissononce.processing.impl.cipherstate import CipherState
from dissononce.processing.impl.handshakestate import HandshakeState
from dissononce.processing.impl.symmetricstate import SymmetricState
from dissononce.processing.modifiers.psk import PSKPatternModifier

FUNDAMENTAL = "NN NK NX XN XK XX KN KK KX IN IK IX".split()
DEFERRED = ("NK1 NX1 X1N X1K XK1 X1K1 X1X XX1 X1X1 K1N K1K KK1 K1K1 K1X KX1 K1X1 "
            "I1N I1K IK1 I1K1 I1X IX1 I1X1").split()
PSKS = [("NN", (0,)), ("NN", (2,)), ("XX", (3,)), ("XX", (0, 3)), ("IK", (2,)), ("KK", (0,)),
        ("NK", (0,)), ("IX", (1,)), ("X1K1", (4,))]


def key(byte):
    return PrivateKey(bytes([byte]) * 32)


def pattern(name, psks=()):
    where = "interactive" if name in FUNDAMENTAL else "deferred"
    module = importlib.import_module(f"dissononce.processing.handshakepatterns.{where}.{name}")
    out = getattr(module, f"{name}HandshakePattern")()
    for number in psks:
        out = PSKPatternModifier(number).modify(out)
    return out


def party(cipher, digest, ephemeral):
    return HandshakeState(SymmetricState(CipherState(cipher()), digest()),
                          NoGenDH(X25519DH(), key(ephemeral)))


def known(name):
    """Whose static keys are known beforehand: (initiator's, responder's)."""
    return name[0] == "K", name.replace("1", "")[1] == "K"


def row(name, psks, cipher, digest):
    shape = pattern(name, psks)
    dh = X25519DH()
    mine, theirs = dh.generate_keypair(key(0x11)), dh.generate_keypair(key(0x33))
    secrets = [bytes([0x55 + 0x11 * i]) * 32 for i in range(len(psks))]
    first, second = party(cipher, digest, 0x22), party(cipher, digest, 0x44)
    knows_first, knows_second = known(name)
    first.initialize(shape, True, b"", s=mine, rs=theirs.public if knows_second else None,
                     psks=list(secrets))
    second.initialize(shape, False, b"", s=theirs, rs=mine.public if knows_first else None,
                      psks=list(secrets))
    messages = b""
    ciphers = None
    for number in range(len(shape.message_patterns)):
        writer, reader = (first, second) if number % 2 == 0 else (second, first)
        message, payload = bytearray(), bytearray()
        written = writer.write_message(b"", message)
        reader.read_message(bytes(message), payload)
        messages += bytes(message)
        ciphers = written or ciphers
    text = "+".join(f"psk{number}" for number in psks)
    full = f"Noise_{name}{text}_25519_{cipher().name}_{digest().name}"
    forth = ciphers[0].encrypt_with_ad(b"", b"forth")
    back = ciphers[1].encrypt_with_ad(b"", b"back")
    return " ".join([full, first.symmetricstate.get_handshake_hash().hex(),
                     hashlib.sha256(messages).hexdigest(), forth.hex(), back.hex()])


for one in [(name, ()) for name in FUNDAMENTAL + DEFERRED] + PSKS:
    for some_cipher in (ChaChaPolyCipher, AESGCMCipher):
        for some_hash in (SHA256Hash, SHA512Hash, Blake2sHash, Blake2bHash):
            print(row(*one, some_cipher, some_hash))
