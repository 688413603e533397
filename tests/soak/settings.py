"""What two configuration files say, how it is edited, and what follows for each service."""

import copy

STEADY = 5
EDITED = [f"edited-{number}" for number in range(8)]
KINDS = ("tcp", "udp")


# Settings of edited services, by side and kind, that change nothing for the visitors of the soak.
LIMITS = [
    ("max_connections_per_address", lambda rng: rng.randrange(1000, 2000)),
    ("new_connections_per_second", lambda rng: {"rate": rng.randrange(5000, 9000), "burst": 9000}),
    ("allow", lambda rng: rng.choice([["127.0.0.0/8", "unix:"], ["127.0.0.1", "::1", "unix:"]])),
    ("on_conflict", lambda rng: rng.choice(["replace", "balance"])),
    ("deny", lambda rng: [f"192.0.2.{rng.randrange(256)}", "2001:db8::/32"]),
]
TCP_LIMITS = LIMITS + [
    ("max_connections", lambda rng: rng.randrange(3000, 4000)),
    ("bandwidth_limit", lambda rng: rng.choice(["40 MiB/s", {"in": "50 MB/s", "out": "1 GiB/s"}])),
]


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def table(name, values):
    return f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items()) + "\n"


class Side:
    """One of the two files: `values` of the instance, `services` by name, and the contents of the `secrets`
    that it names, by the names of their files."""

    def __init__(self, name, values):
        self.name = name
        self.values = values
        self.services = {}
        self.secrets = {}
        self.log = "info"
        self.comment = ""

    def text(self, rng, without=()):
        """The file, its services in any order; `without` names those that it does not have."""
        names = sorted(set(self.services) - set(without))
        names = rng.sample(names, len(names))
        text = (f'log = "{self.log}"\n# {self.comment}\n' + table(self.name, self.values) +
                "".join(self._service(rng, each) for each in names))
        # The same settings in other words.
        if rng.random() < 0.3:
            text = text.replace('"127.0.0.1:', '"${NO_SUCH_VARIABLE:-127.0.0.1}:')
        return text

    def _service(self, rng, name):
        """The table of a service; that of one called `NAME:PORT` may be a range of one port, which is the same."""
        values = self.services[name]
        name, colon, port = name.partition(":")
        if not colon:
            return table(f"{self.name}.services.{name}", values)
        if rng.random() < 0.5:
            return table(f'{self.name}.services."{name}:{port}"', values)
        key = "bind_addr" if self.name == "server" else "local_addr"
        ranged = {**values, key: values[key] + "-" + values[key].rpartition(":")[2]}
        if self.name == "client":
            ranged["server_ports"] = f"{port}-{port}"
        return table(f"{self.name}.services.{name}", ranged)

    def token(self, name):
        """The token of the service `name`."""
        service = self.services[name]
        if "token_file" in service:
            return self.secrets[service["token_file"]]
        return service.get("token", self.values["default_token"])

    def copy(self):
        return copy.deepcopy(self)


class Settings:
    """Both sides, and random changes. `new_port` gives a port for visitors, `backends` maps a kind to
    the ports of local services of that kind; `workers` are the threads of each side."""

    def __init__(self, rng, control, new_port, backends, workers):
        self._rng, self._new_port, self._backends = rng, new_port, backends
        self.server = Side("server", {"bind_addr": f"127.0.0.1:{control}", "default_token": "first",
                                      "heartbeat_interval": 5, "workers": workers})
        self.client = Side("client", {"remote_addr": f"127.0.0.1:{control}", "default_token": "first",
                                      "heartbeat_timeout": 20, "workers": workers})
        self.steady = {}
        for number in range(STEADY):
            self._add_steady(f"steady-{number}", "tcp")
        self._add_steady("steady-datagrams", "udp")
        # A service whose table is at times a range of one port.
        port = self._new_port()
        self._add_steady(f"steady-range:{port}", "tcp", port)

    def _add_steady(self, name, kind, port=None):
        port, backend = port or self._new_port(), self._rng.choice(self._backends[kind])
        common = {"type": kind, "token": "of " + name}
        self.server.services[name] = {**common, "bind_addr": f"127.0.0.1:{port}"}
        self.client.services[name] = {**common, "local_addr": f"127.0.0.1:{backend}"}
        self.steady[name] = (kind, port, backend, (None, None))

    def outcome(self, name):
        """(kind, port, backend, way) of a service that both files agree on, else None. The way says how its
        visitors come: whether a header of the PROXY protocol precedes their bytes, and by which Unix-domain
        socket besides."""
        at_server, at_client = self.server.services.get(name), self.client.services.get(name)
        if not at_server or not at_client or at_server["type"] != at_client["type"]:
            return None
        if self.server.token(name) != self.client.token(name):
            return None
        return (at_server["type"], self._port(at_server["bind_addr"]), self._port(at_client["local_addr"]),
                (at_server.get("proxy_protocol"), self._socket(at_server["bind_addr"])))

    def entry(self, name):
        """(kind, port) of a service in the server's file, if it is there."""
        found = self.server.services.get(name)
        return found and (found["type"], self._port(found["bind_addr"]))

    @staticmethod
    def _port(address):
        first = address[0] if isinstance(address, list) else address
        return int(first.rpartition(":")[2])

    @staticmethod
    def _socket(address):
        """The path of a Unix-domain socket besides the port; None if there is none."""
        return address[1].removeprefix("unix:") if isinstance(address, list) else None

    # Edits: each changes something and returns (its description, the sides to write in their
    # order), or nothing if it is not possible.

    def edit(self):
        """One at random: what it is called, and what it gives."""
        while True:
            what = self._rng.choice(self.EDITS)
            done = what(self)
            if done:
                return what.__name__, *done

    def _some(self, absent=False):
        """An edited service that either file has; or one that neither has."""
        there = set(self.server.services) | set(self.client.services)
        among = [name for name in EDITED if (name in there) != absent]
        return self._rng.choice(among) if among else None

    def add(self):
        name = self._some(absent=True)
        if not name:
            return None
        kind = self._rng.choice(KINDS)
        self.server.services[name] = {"type": kind, "bind_addr": f"127.0.0.1:{self._new_port()}"}
        self.client.services[name] = {"type": kind, "local_addr": self._backend(kind)}
        if self._rng.random() < 0.5:
            self.server.services[name]["token"] = self.client.services[name]["token"] = "own"
        return name, [self.server, self.client]

    def remove(self):
        name = self._some()
        if not name:
            return None
        sides = self._rng.choice([[self.server], [self.client], [self.client, self.server],
                                  [self.server, self.client]])
        for side in sides:
            side.services.pop(name, None)
        return name, sides

    def complete(self):
        """A service that one file has only comes into the other."""
        for name in self._rng.sample(EDITED, len(EDITED)):
            at_server, at_client = self.server.services.get(name), self.client.services.get(name)
            if at_server and not at_client:
                self.client.services[name] = {"type": at_server["type"],
                                              "local_addr": self._backend(at_server["type"])}
                self._same_token(name)
                return name, [self.client]
            if at_client and not at_server:
                self.server.services[name] = {"type": at_client["type"],
                                              "bind_addr": f"127.0.0.1:{self._new_port()}"}
                self._same_token(name)
                return name, [self.server, self.client]
        return None

    def change_token(self):
        name = self._both()
        if not name:
            return None
        self.server.services[name].pop("token_file", None)
        self.server.services[name]["token"] = f"token {self._rng.randrange(1000)}"
        if self._rng.random() < 0.3:
            return name, [self.server]  # visitors are not served until it is the same again
        self._same_token(name)
        return name, [self.server, self.client]

    def change_secret(self):
        """The token of a service is in a file, whose content changes."""
        name = self._both()
        if not name:
            return None
        token = f"secret {self._rng.randrange(1000)}"
        for side in (self.server, self.client):
            side.services[name].pop("token", None)
            side.services[name]["token_file"] = name + ".token"
            side.secrets[name + ".token"] = token
        return name, [self.server, self.client]

    def mend_token(self):
        name = self._both()
        if not name or self.outcome(name):
            return None
        self._same_token(name)
        return name, [self.client]

    def change_port(self):
        name = self._both()
        if not name:
            return None
        self.server.services[name]["bind_addr"] = f"127.0.0.1:{self._new_port()}"
        self.server.services[name].pop("mode", None)
        return name, [self.server]

    def change_socket(self):
        """Visitors may come by a Unix-domain socket, too."""
        name = self._both()
        if not name or self.server.services[name]["type"] != "tcp":
            return None
        service = self.server.services[name]
        port = f"127.0.0.1:{self._port(service['bind_addr'])}"
        service["bind_addr"] = [port, f"unix:{name}-{self._rng.randrange(3)}.sock"]
        service["mode"] = self._rng.choice(["0600", "0660", "0666"])
        return name, [self.server]

    def change_limits(self):
        """Who may come, and how fast."""
        name = self._both()
        if not name:
            return None
        service = self.server.services[name]
        key, value = self._rng.choice(TCP_LIMITS if service["type"] == "tcp" else LIMITS)
        if key in service and self._rng.random() < 0.5:
            del service[key]
        else:
            service[key] = value(self._rng)
        return name, [self.server]

    def change_header(self):
        """Local services learn the addresses of the visitors."""
        name = self._both()
        if not name or self.server.services[name]["type"] != "tcp":
            return None
        service = self.server.services[name]
        if service.pop("proxy_protocol", None) is None:
            service["proxy_protocol"] = "v1"
        return name, [self.server]

    def change_proxies(self):
        """None of the soak's visitors comes through a trusted proxy."""
        name = self._both()
        if not name or self.server.services[name]["type"] != "tcp":
            return None
        service = self.server.services[name]
        service["accept_proxy_protocol"] = True
        service["trusted_proxies"] = [f"192.0.2.{self._rng.randrange(256)}"]
        return name, [self.server]

    def change_backend(self):
        name = self._both()
        if not name:
            return None
        self.client.services[name]["local_addr"] = self._backend(self.client.services[name]["type"])
        for key in ("strategy", "health_check"):
            self.client.services[name].pop(key, None)
        return name, [self.client]

    def change_targets(self):
        """A second local address, at which nothing listens, and checks."""
        name = self._both()
        if not name or self.client.services[name]["type"] != "tcp":
            return None
        service = self.client.services[name]
        first = f"127.0.0.1:{self._port(service['local_addr'])}"
        service["local_addr"] = [first, f"127.0.0.1:{self._new_port()}"]
        service["strategy"] = self._rng.choice(["failover", "round_robin"])
        service["health_check"] = {"type": "tcp", "interval": self._rng.randrange(1, 4)}
        return name, [self.client]

    def change_servers(self):
        """A second server, which does not exist."""
        first = f"127.0.0.1:{self._port(self.client.values['remote_addr'])}"
        self.client.values.pop("strategy", None)
        self.client.values["remote_addr"] = first
        if self._rng.random() < 0.7:
            self.client.values["remote_addr"] = [first, f"127.0.0.1:{self._new_port()}"]
            self.client.values["strategy"] = self._rng.choice(["failover", "all"])
        return None, [self.client]

    def change_detail(self):
        """What needs no new connection."""
        name = self._both()
        if not name:
            return None
        side = self._rng.choice([self.server, self.client])
        key, value = self._rng.choice([
            ("nodelay", self._rng.random() < 0.5), ("idle_timeout", self._rng.randrange(60, 100)),
            ("half_close_timeout", self._rng.randrange(30, 60)),
            ("udp", {"idle_timeout": self._rng.randrange(30, 60)}),
            ("pool", {"size": self._rng.randrange(1, 12)}) if side is self.server
            else self._rng.choice([("retry_interval", self._rng.randrange(1, 3)),
                                   ("connect_timeout", self._rng.randrange(5, 9))])])
        if key == "connect_timeout" and side.services[name]["type"] == "udp":
            return None
        side.services[name][key] = value
        return name, [side]

    def change_instance(self):
        """What concerns all services, but not what each is."""
        side = self._rng.choice([self.server, self.client])
        key, value = self._rng.choice([
            ("heartbeat_interval", self._rng.randrange(3, 8)),
            ("handshake_timeout", self._rng.randrange(5, 9)),
            ("allow", self._rng.choice([["127.0.0.0/8"], ["127.0.0.1"]])),
            ("deny", [f"192.0.2.{self._rng.randrange(256)}"])] if side is self.server else [
            ("max_retries", self._rng.randrange(10**6, 10**7)),
            ("heartbeat_timeout", self._rng.randrange(15, 25)),
            ("max_forwards", self._rng.randrange(1000, 2000)),
            ("retry_interval", self._rng.randrange(1, 3))])
        side.values[key] = value
        return None, [side]

    def change_default_token(self):
        token = f"default {self._rng.randrange(1000)}"
        self.server.values["default_token"] = self.client.values["default_token"] = token
        return None, [self.server, self.client]

    def change_log(self):
        side = self._rng.choice([self.server, self.client])
        side.log = self._rng.choice(["info", "debug", "warn"])
        return None, [side]

    def change_comment(self):
        side = self._rng.choice([self.server, self.client])
        side.comment = f"nothing to see {self._rng.randrange(1000)}"
        return None, [side]

    EDITS = [add, add, remove, complete, change_token, change_secret, mend_token, change_port,
             change_socket, change_backend, change_targets, change_servers, change_detail,
             change_detail, change_limits, change_limits, change_header, change_proxies,
             change_instance, change_default_token, change_log, change_comment]

    def _both(self):
        names = [name for name in EDITED
                 if name in self.server.services and name in self.client.services]
        return self._rng.choice(names) if names else None

    def _backend(self, kind):
        return f"127.0.0.1:{self._rng.choice(self._backends[kind])}"

    def _same_token(self, name):
        """The client gets the server's."""
        at_server, at_client = self.server.services[name], self.client.services[name]
        for key in ("token", "token_file"):
            at_client.pop(key, None)
            if key in at_server:
                at_client[key] = at_server[key]
        if "token_file" in at_server:
            self.client.secrets[at_server["token_file"]] = self.server.token(name)


def broken(text, rng):
    """A file that must not be used: with a fault of syntax, or one of meaning."""
    return rng.choice([
        "", text[:rng.randrange(len(text))] + '\n"', text + "\n[", "\0" + text,
        text.replace("bind_addr", "bound_addr").replace("remote_addr", "remote_address"),
        text + "\n[nonsense]\n", text.replace("default_token", "default_tokens"),
        text.replace('type = "', 'type = "s'),
        text.replace("127.0.0.1:", "127.0.0.1:9")])
