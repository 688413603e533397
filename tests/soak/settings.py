"""What two configuration files say, how it is edited, and what follows for each service."""

import copy

STEADY = 5
EDITED = [f"edited-{number}" for number in range(8)]
KINDS = ("tcp", "udp")


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + " }"
    return f'"{value}"' if isinstance(value, str) else str(value)


def table(name, values):
    return f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in values.items()) + "\n"


class Side:
    """One of the two files: `values` of the instance, and `services` by name."""

    def __init__(self, name, values):
        self.name = name
        self.values = values
        self.services = {}
        self.log = "info"
        self.comment = ""

    def text(self, rng, without=()):
        """The file, its services in any order; `without` names those that it does not have."""
        names = sorted(set(self.services) - set(without))
        names = rng.sample(names, len(names))
        return (f'log = "{self.log}"\n# {self.comment}\n' + table(self.name, self.values) +
                "".join(table(f"{self.name}.services.{each}", self.services[each]) for each in names))

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

    def _add_steady(self, name, kind):
        port, backend = self._new_port(), self._rng.choice(self._backends[kind])
        common = {"type": kind, "token": "of " + name}
        self.server.services[name] = {**common, "bind_addr": f"127.0.0.1:{port}"}
        self.client.services[name] = {**common, "local_addr": f"127.0.0.1:{backend}"}
        self.steady[name] = (kind, port, backend)

    def outcome(self, name):
        """(kind, port, backend) of a service that both files agree on, else None."""
        at_server, at_client = self.server.services.get(name), self.client.services.get(name)
        if not at_server or not at_client or at_server["type"] != at_client["type"]:
            return None
        tokens = [side.services[name].get("token", side.values["default_token"])
                  for side in (self.server, self.client)]
        if tokens[0] != tokens[1]:
            return None
        return at_server["type"], self._port(at_server["bind_addr"]), self._port(at_client["local_addr"])

    def entry(self, name):
        """(kind, port) of a service in the server's file, if it is there."""
        found = self.server.services.get(name)
        return found and (found["type"], self._port(found["bind_addr"]))

    @staticmethod
    def _port(address):
        return int(address.rpartition(":")[2])

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
        self.server.services[name]["token"] = f"token {self._rng.randrange(1000)}"
        if self._rng.random() < 0.3:
            return name, [self.server]  # visitors are not served until it is the same again
        self._same_token(name)
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
        return name, [self.server]

    def change_backend(self):
        name = self._both()
        if not name:
            return None
        self.client.services[name]["local_addr"] = self._backend(self.client.services[name]["type"])
        return name, [self.client]

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
            else ("retry_interval", self._rng.randrange(1, 3))])
        side.services[name][key] = value
        return name, [side]

    def change_instance(self):
        """What concerns all services, but not what each is."""
        side = self._rng.choice([self.server, self.client])
        key, value = self._rng.choice([
            ("heartbeat_interval", self._rng.randrange(3, 8)),
            ("handshake_timeout", self._rng.randrange(5, 9))] if side is self.server else [
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

    EDITS = [add, add, remove, complete, change_token, mend_token, change_port, change_backend,
             change_detail, change_detail, change_instance, change_default_token, change_log,
             change_comment]

    def _both(self):
        names = [name for name in EDITED
                 if name in self.server.services and name in self.client.services]
        return self._rng.choice(names) if names else None

    def _backend(self, kind):
        return f"127.0.0.1:{self._rng.choice(self._backends[kind])}"

    def _same_token(self, name):
        """The client gets the server's."""
        token = self.server.services[name].get("token")
        self.client.services[name].pop("token", None)
        if token:
            self.client.services[name]["token"] = token


def broken(text, rng):
    """A file that must not be used: with a fault of syntax, or one of meaning."""
    return rng.choice([
        "", text[:rng.randrange(len(text))] + '\n"', text + "\n[", "\0" + text,
        text.replace("bind_addr", "bound_addr").replace("remote_addr", "remote_address"),
        text + "\n[nonsense]\n", text.replace("default_token", "default_tokens"),
        text.replace('type = "', 'type = "s'),
        text.replace("127.0.0.1:", "127.0.0.1:9")])
