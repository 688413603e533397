"""A small internet of network namespaces: a client behind a router that translates addresses, and a
server. Needs root, iproute2, nftables and conntrack. Nothing outside the namespaces is touched.

    client 10.77.0.2 -- inside 10.77.0.254 [router] 198.51.100.254 outside -- server 198.51.100.1
"""

import contextlib
import ctypes
import os
import socket
import subprocess

from harness.processes import Failed

SERVER = "198.51.100.1"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

# The router does not re-create an unknown mapping in the middle of a connection, as Linux would by
# default; packets without a mapping are dropped, or answered with a reset.
ROUTER_RULES = """
flush ruleset
table ip translation {
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.77.0.0/24 oifname "outside" snat to %(outside)s
  }
}
table ip strangers {
  chain arriving {
    type filter hook input priority 0; policy accept;
    iifname "outside" %(to_router)s
  }
  chain passing {
    type filter hook forward priority 0; policy accept;
    ct state invalid %(through_router)s
  }
}
table ip hole {
  chain passing {
    type filter hook forward priority -10; policy accept;
  }
}
"""


def run(command, said=""):
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")


def set_namespace(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """The namespaces "client", "router" and "server", until `end`."""

    def __init__(self):
        self._prefix = f"rathole-soak-{os.getpid()}-"
        self._made = []
        self._outside = 254
        self._client = 2
        try:
            self._make()
        except BaseException:
            self.end()
            raise

    def name(self, place):
        return self._prefix + place

    def command(self, place, *words):
        """A command that runs in a namespace, in the process that is started."""
        return ["ip", "netns", "exec", self.name(place), *words]

    @contextlib.contextmanager
    def inside(self, place):
        """Sockets made meanwhile by this thread belong to that namespace, for as long as they live."""
        with open("/proc/thread-self/ns/net") as own, open("/run/netns/" + self.name(place)) as there:
            set_namespace(there.fileno())
            try:
                yield
            finally:
                set_namespace(own.fileno())

    def socket(self, place, kind):
        with self.inside(place):
            made = socket.socket(socket.AF_INET, kind)
        made.setblocking(False)
        return made

    def end(self):
        for place in self._made:
            run(["ip", "netns", "del", self.name(place)])
        self._made = []

    # Faults of the network.

    def set_link(self, place, link, up):
        self._ip(place, "link", "set", link, "up" if up else "down")
        if up and place == "client":  # its routes went with the link
            self._ip(place, "route", "replace", "default", "via", "10.77.0.254")

    def black_hole(self, *links):
        """What the router gets from these links vanishes; from none of them, it passes."""
        self._nft("flush chain ip hole passing\n" + "".join(
            f'add rule ip hole passing iifname "{link}" drop\n' for link in links))

    def forget_mappings(self, refusing=False, other_address=False):
        """The router loses its table, and drops or refuses what it no longer knows; it may get
        another address as well."""
        if other_address:
            self._outside = 507 - self._outside
        self._rule(refusing)
        self._run("router", "conntrack", "-F")

    def change_client_address(self):
        old, self._client = self._client, self._client % 200 + 2
        self._ip("client", "addr", "add", f"10.77.0.{self._client}/24", "dev", "uplink")
        self._ip("client", "addr", "del", f"10.77.0.{old}/24", "dev", "uplink")
        # The new address was a secondary one, and was removed with the primary one.
        self._ip("client", "addr", "replace", f"10.77.0.{self._client}/24", "dev", "uplink")
        self._ip("client", "route", "replace", "default", "via", "10.77.0.254")

    def _make(self):
        for place in ("client", "router", "server"):
            run(["ip", "netns", "add", self.name(place)])
            self._made.append(place)
            self._ip(place, "link", "set", "lo", "up")
        self._cable("client", "uplink", "inside")
        self._cable("server", "uplink", "outside")
        for place, link, at in (("client", "uplink", "10.77.0.2"), ("router", "inside", "10.77.0.254"),
                                ("server", "uplink", SERVER), ("router", "outside", "198.51.100.254"),
                                ("router", "outside", "198.51.100.253")):
            self._ip(place, "addr", "add", at + "/24", "dev", link)
            self._ip(place, "link", "set", link, "up")
        self._ip("client", "route", "add", "default", "via", "10.77.0.254")
        self._run("router", "tee", "/proc/sys/net/ipv4/ip_forward", said="1")
        self._run("router", "tee", "/proc/sys/net/netfilter/nf_conntrack_tcp_loose", said="0")
        self._rule(refusing=False)

    def _cable(self, place, link, at_router):
        self._ip(place, "link", "add", "name", link, "type", "veth", "peer", "name", at_router,
                 "netns", self.name("router"))

    def _rule(self, refusing):
        self._nft(ROUTER_RULES % {
            "outside": f"198.51.100.{self._outside}",
            "to_router": "accept" if refusing else "drop",
            "through_router": "meta l4proto tcp reject with tcp reset" if refusing else "drop"})

    def _ip(self, place, *words):
        run(["ip", "-n", self.name(place), *words])

    def _nft(self, rules):
        self._run("router", "nft", "-f", "-", said=rules)

    def _run(self, place, *words, said=""):
        run(self.command(place, *words), said)
