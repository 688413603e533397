"""The programs that are compared. Each carries visitors to services, on the loopback address.

`start(folder, ports, services, udp)` takes maps from the name of a service to its port, one for TCP
and one for UDP, and gives a `Tunnel`, which knows the ports for the visitors. `datagram` is the
largest payload that a contender carries over UDP, 0 if it knows TCP only.
"""

import os
import re
import secrets

from .processes import Failed, Process, connect, listens, run, wait_until


LARGEST = 65507


class Tunnel:
    def __init__(self, processes, entries):
        self.processes = processes
        self.entries = entries

    def cpu_seconds(self):
        return sum(process.cpu_seconds() for process in self.processes)

    def memory(self):
        """(anonymous, all) resident memory in KiB of all its processes."""
        each = [process.memory() for process in self.processes]
        return sum(one[0] for one in each), sum(one[1] for one in each)

    def wait_ready(self, service="echo", seconds=20):
        """Until a byte comes back from the echo service."""
        def served():
            for process in self.processes:
                if not process.runs():
                    raise Failed(f"{process.name} ended")
            try:
                with connect(self.entries[service], 2) as visitor:
                    visitor.sendall(b"?")
                    return visitor.recv(1) == b"?"
            except OSError:
                return False
        wait_until(served, seconds, "no visitor was served", pause=0.0005)

    def logs(self):
        return "".join(process.logs() for process in self.processes)

    def end(self):
        for process in reversed(self.processes):
            process.end()


class Direct:
    """No tunnel: what the machine and the service can do."""

    name = "direct"
    programs = ()
    datagram = LARGEST

    def start(self, folder, ports, services, udp={}):
        return Tunnel([], {**services, **udp})

    def version(self):
        return "(no tunnel)"


class Chain:
    """What is common: a program for the server's side, then one for the client's."""

    def __init__(self, name):
        self.name = name
        self.file_name = name.replace("/", "-")

    def start(self, folder, ports, services, udp={}):
        entries = {service: ports.take() for service in services}
        entries.update((service, ports.take_udp()) for service in udp)
        control = ports.take()
        tunnel = Tunnel([], entries)
        try:
            both = [(name, "tcp", port) for name, port in services.items()]
            both += [(name, "udp", port) for name, port in udp.items()]
            server, client = self.commands(folder, control, both, entries)
            tunnel.processes.append(Process(folder, f"{self.file_name}-server", server))
            wait_until(lambda: listens(self.server_port(control, entries)), 10,
                       "the server does not listen", pause=0.0005)
            tunnel.processes.append(Process(folder, f"{self.file_name}-client", client))
        except BaseException:
            tunnel.end()
            raise
        return tunnel

    def server_port(self, control, entries):
        return control


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


class Limit:
    """Two bare relays in a chain, one pair for each service."""

    name = "limit"
    datagram = 0

    def __init__(self, relay):
        self._relay = relay
        self.programs = (relay,)

    def start(self, folder, ports, services):
        tunnel = Tunnel([], {})
        try:
            for service, port in services.items():
                target = port
                for place in ("client", "server"):
                    entry = ports.take()
                    relay = Process(folder, f"limit-{place}-{service}",
                                    [self._relay, str(entry), str(target)])
                    tunnel.processes.append(relay)
                    wait_until(lambda: listens(entry), 10, "a relay does not listen")
                    target = entry
                tunnel.entries[service] = target
        except BaseException:
            tunnel.end()
            raise
        return tunnel

    def version(self):
        return "(two bare relays)"


class Rathole(Chain):
    """This project's program, or upstream's: both take the same files. `tables` are further tables
    of the server's and of the client's file."""

    def __init__(self, name, path, tables=("", ""), datagram=LARGEST):
        super().__init__(name)
        self._path = path
        self._tables = tables
        self.datagram = datagram
        self.programs = (path,)

    def commands(self, folder, control, services, entries):
        token = secrets.token_hex(16)
        server = f'[server]\nbind_addr = "127.0.0.1:{control}"\ndefault_token = "{token}"\n'
        client = f'[client]\nremote_addr = "127.0.0.1:{control}"\ndefault_token = "{token}"\n'
        for service, kind, port in services:
            server += (f'[server.services.{service}]\ntype = "{kind}"\n'
                       f'bind_addr = "127.0.0.1:{entries[service]}"\n')
            client += (f'[client.services.{service}]\ntype = "{kind}"\n'
                       f'local_addr = "127.0.0.1:{port}"\n')
        server += self._tables[0]
        client += self._tables[1]
        return ([self._path, "--server", write(folder, "rathole-server.toml", server)],
                [self._path, "--client", write(folder, "rathole-client.toml", client)])

    def version(self):
        told = dict(re.findall(r"^(.+?):\s+(.+)$", run([self._path, "--version"], 10), re.M))
        compiler = told.get("Compiler") or told.get("cargo Target Triple", "?")
        return f"{told.get('Build Version', '?')} ({compiler})"


class Frp(Chain):
    """frp as shipped (tcpMux on), but without TLS and with a pool of 8, as rathole has."""

    datagram = 1500

    def __init__(self, frps, frpc):
        super().__init__("frp")
        self._frps, self._frpc = frps, frpc
        self.programs = (frps, frpc)

    def commands(self, folder, control, services, entries):
        token = secrets.token_hex(16)
        server = (f'bindAddr = "127.0.0.1"\nbindPort = {control}\nproxyBindAddr = "127.0.0.1"\n'
                  f'auth.token = "{token}"\ntransport.maxPoolCount = 8\n')
        client = (f'serverAddr = "127.0.0.1"\nserverPort = {control}\nauth.token = "{token}"\n'
                  'transport.poolCount = 8\ntransport.tls.enable = false\n')
        for service, kind, port in services:
            client += (f'[[proxies]]\nname = "{service}"\ntype = "{kind}"\nlocalIP = "127.0.0.1"\n'
                       f'localPort = {port}\nremotePort = {entries[service]}\n')
        return ([self._frps, "-c", write(folder, "frps.toml", server)],
                [self._frpc, "-c", write(folder, "frpc.toml", client)])

    def version(self):
        return run([self._frps, "--version"], 10).strip()
