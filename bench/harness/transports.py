"""Configurations of the transports of rathole, for both ends on the loopback address."""

import os
import subprocess

PASSWORD = "1234"

# A pair of keys for measurements only.
NOISE_PRIVATE = "MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM="
NOISE_PUBLIC = "ew1H2TQn+DERYHgcfHM/2J+IlwrvSQ2KoO4ZpMuKGxQ="
AESGCM = "Noise_NK_25519_AESGCM_SHA256"


def make_identity(folder):
    """A self-signed certificate for 127.0.0.1: identity.crt and identity.pfx in `folder`."""
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", "-subj",
            "/CN=127.0.0.1", "-addext", "subjectAltName = IP:127.0.0.1", "-keyout",
            "identity.key", "-out", "identity.crt")
    openssl("pkcs12", "-export", "-in", "identity.crt", "-inkey", "identity.key", "-passout",
            f"pass:{PASSWORD}", "-out", "identity.pfx")


def tls(folder, engine):
    choice = f'engine = "{engine}"\n' if engine else ""
    certificate = os.path.join(folder, "identity")
    return (f'[server.transport.tls]\npkcs12 = "{certificate}.pfx"\n'
            f'pkcs12_password = "{PASSWORD}"\n{choice}',
            f'[client.transport.tls]\ntrusted_root = "{certificate}.crt"\n'
            f'hostname = "127.0.0.1"\n{choice}')


def noise(pattern, engine=None):
    choice = f'pattern = "{pattern}"\n' if pattern else ""
    choice += f'engine = "{engine}"\n' if engine else ""
    return (f'[server.transport.noise]\nlocal_private_key = "{NOISE_PRIVATE}"\n{choice}',
            f'[client.transport.noise]\nremote_public_key = "{NOISE_PUBLIC}"\n{choice}')


def websocket(over_tls, below=("", "")):
    flag = "true" if over_tls else "false"
    return tuple(f"[{side}.transport.websocket]\ntls = {flag}\n{text}"
                 for side, text in zip(("server", "client"), below))


# What is added to a name: all visitors of the client share one connection.
MULTIPLEXED = "-mux"

# name: (type, whether upstream has it, tables of (folder))
KINDS = {
    "noise": ("noise", True, lambda folder: noise(None)),
    "noise-aesgcm": ("noise", True, lambda folder: noise(AESGCM)),
    "noise-openssl": ("noise", False, lambda folder: noise(None, "openssl")),
    "noise-aesgcm-openssl": ("noise", False, lambda folder: noise(AESGCM, "openssl")),
    "tls": ("tls", True, lambda folder: tls(folder, None)),
    "tls-botan": ("tls", False, lambda folder: tls(folder, "botan")),
    "tls-openssl": ("tls", False, lambda folder: tls(folder, "openssl")),
    "websocket": ("websocket", True, lambda folder: websocket(False)),
    "websocket-tls": ("websocket", True, lambda folder: websocket(True, tls(folder, None))),
    "websocket-tls-botan": ("websocket", False,
                            lambda folder: websocket(True, tls(folder, "botan"))),
}
KINDS.update([(name + MULTIPLEXED, (kind, False, make))
              for name, (kind, _, make) in [("tcp", ("tcp", True, lambda folder: ("", ""))),
                                            *KINDS.items()]])


def rival_of(name):
    """The transport of upstream's that one of ours is compared with; "tcp" if it is bare."""
    plain = name.removesuffix(MULTIPLEXED)
    return plain if plain == "tcp" or KINDS[plain][1] else plain.rpartition("-")[0]


def tables(name, folder):
    """What is added to a server's and to a client's file; `folder` has the identity."""
    kind, _, make = KINDS[name]
    shared = "multiplex = true\n" if name.endswith(MULTIPLEXED) else ""
    return tuple(f'[{side}.transport]\ntype = "{kind}"\n{keys}{text}'
                 for side, keys, text in zip(("server", "client"), ("", shared), make(folder)))
