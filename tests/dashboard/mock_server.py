"""A stand-in for the admin API: serves the dashboard of the three headers with data that change.

Prints its port.

The controls under /mock/ are for check.py:
  POST /mock/set?fail=503      each API request fails with this status (0: none)
  POST /mock/set?delay=3       each API request takes this many seconds longer
  POST /mock/set?hang=1        the connection is closed without an answer
  GET  /mock/seen              what was requested: [[method, path, has X-Rathole-Request]...]
"""
import argparse
import datetime
import json
import pathlib
import random
import re
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include/rathole/admin"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\u202egnp.exe\u202c reversed",
    "a/b?c=d&e#f %2F \"quoted\" 'single' .dotted.",
    "very-long-" + "x" * 300,
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "__proto__",
    "zero\u200bwidth\u0007bell",
]
MASK = "********"


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def toml_key(name):
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


class Model:
    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.random = random.Random(7)
        self.started = now()
        self.draining = False
        self.refused = 0
        self.fail = 0
        self.delay = 0.0
        self.hang = False
        self.seen = []
        self.services = {}
        self.connections = {}
        self.next_connection = 1
        self.finished = 0
        self.events = []
        self.next_event = 1
        self.changed = threading.Condition(self.lock)
        length = 360
        self.received = [self.wave(i, 3e7) for i in range(length)]
        self.sent = [self.wave(i + 40, 6e7) for i in range(length)]
        self.active = [40 + int(20 * self.random.random()) for _ in range(length)]
        self.make_services()
        for _ in range(options.connections):
            self.open_connection(age=self.random.random() * 5000)
        self.emit("listening", address="0.0.0.0:2333")
        for name, service in list(self.services.items())[:40]:
            self.emit("service_up" if service["state"] == "up" else "service_down", service=name,
                      reason=service["reason"])

    def wave(self, i, size):
        from math import sin
        return int(size * (1.2 + sin(i / 29) * .6 + sin(i / 7) * .25 + self.random.random() * .3))

    def make_services(self):
        names = ["web", "ssh", "dns", "postgres", "metrics", "minecraft"]
        if self.options.hostile:
            names += HOSTILE
        names += [f"service-{i:03}" for i in range(max(0, self.options.services - len(names)))]
        for i, name in enumerate(names):
            settings = {"type": "udp" if name in ("dns",) or i % 17 == 16 else "tcp", "token": MASK}
            if self.options.mode == "server":
                settings["bind_addr"] = f"0.0.0.0:{8080 + i}" if i % 5 else [f"0.0.0.0:{8080 + i}", f"[::]:{8080 + i}"]
                settings["pool"] = {"size": 8, "visitor_timeout": 20} if settings["type"] == "tcp" else {"size": 2}
            else:
                settings["local_addr"] = f"127.0.0.1:{8080 + i}"
            self.add(name, settings, editable=i != 4, age=self.random.random() * 200000,
                     file="server.toml" if i == 4 else None)
            if i % 9 == 5 or i == 3:
                self.services[name].update(state="down", peer=None, reason=(
                    "no client has connected" if i % 2 else "the client refused the token; it must equal the server's"))

    def add(self, name, settings, editable=True, age=0.0, file=None):
        server = self.options.mode == "server"
        addresses = settings.get("bind_addr", settings.get("local_addr"))
        udp = settings.get("type", "tcp") == "udp"
        busy = self.random.random() if age else 0
        self.services[name] = {
            "name": name, "type": settings.get("type", "tcp"), "state": "up",
            "since": stamp(now() - datetime.timedelta(seconds=age)), "reason": None,
            "addresses": addresses if isinstance(addresses, list) else [addresses],
            "down_addresses": [],
            "peer": "198.51.100.7:40312" if server else "tunnel.example.net:2333",
            "connections": {"active": 0, "total": int(busy * 4000)}, "refused": int(busy * 4),
            "bytes": {"received": int(busy * 4e9), "sent": int(busy * 9e9)},
            "pool": {"idle": 8, "waiting": 0} if server and not udp else None,
            "udp": {"visitors": 3, "datagrams": {"received": 1, "sent": 2}, "dropped": 0} if udp else None,
            "editable": editable and not self.options.read_only,
            "file": file or f"services.d/{name}.toml", "settings": settings,
            "history": [int(busy * 1e6 * self.random.random()) for _ in range(60)] if age else [0],
        }

    def open_connection(self, age=0.0):
        name = self.random.choice([n for n, s in self.services.items() if s["state"] == "up"])
        number = self.next_connection
        self.next_connection += 1
        visitor = f"203.0.113.{self.random.randrange(255)}:{self.random.randrange(1024, 65535)}"
        if self.options.hostile and number % 7 == 0:
            visitor = "<b onmouseover=alert(3)>\u202e203.0.113.9:51000"
        self.connections[number] = {
            "id": number, "service": name, "visitor": visitor if self.options.mode == "server" else None,
            "since": stamp(now() - datetime.timedelta(seconds=age)), "received": 0, "sent": 0}
        self.services[name]["connections"]["active"] += 1
        self.services[name]["connections"]["total"] += 1
        if not age:
            self.emit("connection_started", service=name, id=number, visitor=visitor)

    def close_connection(self, number, error=None):
        gone = self.connections.pop(number)
        self.finished += 1
        if gone["service"] in self.services:
            self.services[gone["service"]]["connections"]["active"] -= 1
        self.emit("connection_ended", service=gone["service"], id=number, visitor=gone["visitor"],
                  received=gone["received"], sent=gone["sent"], seconds=3.25, error=error)

    def emit(self, name, **members):
        with self.changed:
            members = {"time": stamp(now()), **members}
            self.events.append((self.next_event, name, members))
            self.events = self.events[-1024:]
            self.next_event += 1
            self.changed.notify_all()

    def tick(self):
        with self.lock:
            self.received = self.received[1:] + [self.wave(time.time(), 3e7)]
            self.sent = self.sent[1:] + [self.wave(time.time() + 40, 6e7)]
            self.active = self.active[1:] + [len(self.connections)]
            for service in self.services.values():
                if service["state"] == "up" and service["history"] != [0] and self.random.random() < .6:
                    service["bytes"]["received"] += self.random.randrange(400000)
                    service["bytes"]["sent"] += self.random.randrange(900000)
                    if service["pool"]:
                        service["pool"]["idle"] = self.random.randrange(5, 9)
            for connection in self.connections.values():
                connection["received"] += self.random.randrange(9000)
                connection["sent"] += self.random.randrange(90000)
            for _ in range(self.options.churn):
                if self.connections and not self.draining:
                    self.open_connection()
                    number = self.random.choice(list(self.connections))
                    self.close_connection(number, "connection reset by peer" if self.random.random() < .1 else None)
            if self.random.random() < .1:
                name = self.random.choice(list(self.services))
                self.emit("visitor_refused", service=name, visitor="192.0.2.4:4444", reason="limit")
                self.refused += 1

    def status(self):
        services = self.services.values()
        up = sum(s["state"] == "up" for s in services)
        return {"version": "1.0.0", "mode": self.options.mode, "state": "draining" if self.draining else "running",
                "ready": not self.draining, "reason": "draining" if self.draining else None,
                "started_at": stamp(self.started - datetime.timedelta(hours=27)),
                "uptime_seconds": 27 * 3600 + (now() - self.started).total_seconds(), "transport": "tls",
                "services": {"total": len(self.services), "up": up},
                "connections": {"active": len(self.connections), "total": 3456 + self.next_connection},
                "bytes": {"received": sum(s["bytes"]["received"] for s in services),
                          "sent": sum(s["bytes"]["sent"] for s in services)},
                "visitors_refused": self.refused, "editable": not self.options.read_only}

    def problems(self, name, settings):
        side = self.options.mode
        path = f"{side}.services.{toml_key(name)}"
        found = []

        def wrong(key, what, remedy, severity="error"):
            found.append({"key": f"{path}.{key}" if key else path, "what": what, "remedy": remedy, "severity": severity})

        own = "bind_addr" if side == "server" else "local_addr"
        addresses = settings.get(own)
        if addresses is None:
            wrong(own, "missing", f"add `{own} = \"127.0.0.1:80\"`")
        for each in addresses if isinstance(addresses, list) else [addresses] if addresses else []:
            if not re.fullmatch(r".+:\d+", str(each)):
                wrong(own, "not an address of the form host:port",
                      f"write it like `{own} = \"0.0.0.0:8080\"`, an IPv6 address in brackets")
            for other in self.services.values():
                if side == "server" and other["name"] != name and each in other["addresses"]:
                    wrong(own, f"`{other['name']}` already listens at {each}", "choose another port")
        if "token" not in settings:
            wrong("token", "no token", "add `token = \"...\"` here or `default_token = \"...\"` in [server]")
        elif settings["token"] == "secret":
            wrong("token", "this password is in public examples, so everybody knows it",
                  "generate one with `rathole --genkey`", "warning")
        if settings.get("token") == "elsewhere":
            found.append({"key": f"{side}.services.{toml_key('a.b')}.{own}", "what": "of another service", "severity": "error"})
            found.append({"key": f"{side}.{own}", "what": "of no service", "severity": "error"})
        known = {"type", own, "token", "nodelay", "idle_timeout", "half_close_timeout", "udp", "pool",
                 "retry_interval", "prefer_ipv6"}
        for key in settings.keys() - known:
            wrong(key, "unknown key", "expected one of `bind_addr`, `type`, `token`, `nodelay`, `pool`")
        for table, keys in (("pool", ("size", "max_size")), ("", ("idle_timeout", "retry_interval"))):
            values = settings.get(table, {}) if table else settings
            for key in keys:
                value = values.get(key) if isinstance(values, dict) else None
                dotted = f"{table}.{key}" if table else key
                if isinstance(value, str):
                    wrong(dotted, "invalid type: string, expected integer", f"write `{key} = 8`, without quotes")
                elif value is not None and not 0 <= value <= 65536:
                    wrong(dotted, f"{value} is out of range", "write a number from 0 to 65536")
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self, status, body, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(data)

    def problem(self, status, detail, problems=None, headers=()):
        body = {"type": "about:blank", "title": "Problem", "status": status, "detail": detail}
        if problems is not None:
            body["problems"] = problems
        self.reply(status, body, "application/problem+json", headers)

    def static(self, path):
        name, kind = {"/": ("page", "text/html"), "/dashboard.css": ("style", "text/css"),
                      "/dashboard.js": ("script", "text/javascript")}[path]
        text = (pathlib.Path(model.options.headers) / f"dashboard_{name}.hpp").read_text()
        body = re.search(rf'R"{name}\((.*)\){name}"', text, re.S).group(1)
        self.reply(200, body, kind + "; charset=utf-8", [("Content-Security-Policy", POLICY)])

    def do_GET(self):
        self.route()

    do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = do_GET

    def route(self):
        split = urllib.parse.urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        query = dict(urllib.parse.parse_qsl(split.query))
        if split.path in ("/", "/dashboard.css", "/dashboard.js"):
            return self.static(split.path)
        if split.path.startswith("/mock/"):
            return self.control(split.path, query)
        if not split.path.startswith("/api/v1/"):
            return self.problem(404, "there is nothing here")
        model.seen.append([self.command, self.path, self.headers.get("X-Rathole-Request")])
        time.sleep(model.delay)
        if model.hang:
            self.close_connection = True
            return None
        if model.fail:
            return self.problem(model.fail, "too many requests at once", headers=[("Retry-After", "1")])
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ").encode("latin-1").decode()
        if model.options.token and given != model.options.token:
            return self.problem(401, "the token is missing or wrong", headers=[("WWW-Authenticate", "Bearer")])
        if self.command not in ("GET", "HEAD") and self.headers.get("X-Rathole-Request") != "1":
            return self.problem(403, "the header X-Rathole-Request is missing")
        parts = [urllib.parse.unquote(part) for part in split.path.removeprefix("/api/v1/").split("/")]
        if parts == ["events"]:
            return self.stream()
        with model.lock:
            return self.answer(parts, query)

    def control(self, path, query):
        if path == "/mock/seen":
            return self.reply(200, model.seen)
        for key, kind in (("fail", int), ("delay", float), ("hang", lambda text: text == "1")):
            if key in query:
                setattr(model, key, kind(query[key]))
        if "emit" in query:
            model.emit(query["emit"], service=query.get("service", "web"), reason="asked for by the test")
        if "flood" in query:
            for i in range(int(query["flood"])):
                model.emit("connection_started", service="web", id=i, visitor="192.0.2.9:1")
        if "restart" in query:
            model.started = now()
        return self.reply(200, {})

    def answer(self, parts, query):
        match (self.command, *parts):
            case ("GET", "status"):
                return self.reply(200, model.status())
            case ("GET", "services"):
                return self.reply(200, {"services": [self.public(model.services[n]) for n in sorted(model.services)]})
            case ("GET", "services", name):
                if name not in model.services:
                    return self.problem(404, "there is no such service")
                return self.reply(200, self.public(model.services[name], True))
            case ("PUT", "services", name):
                return self.put(name)
            case ("DELETE", "services", name):
                model.services.pop(name)
                for number in [n for n, c in model.connections.items() if c["service"] == name]:
                    del model.connections[number]
                model.emit("service_down", service=name, reason="removed")
                return self.reply(204, b"")
            case ("GET", "connections"):
                chosen = [c for c in model.connections.values() if query.get("service") in (None, c["service"])]
                chosen.sort(key=lambda c: -c["id"])
                return self.reply(200, {"connections": [{**c, "seconds": 3.25} for c in chosen[:int(query.get("limit", 1000))]],
                                        "total": len(chosen)})
            case ("DELETE", "connections", number):
                if int(number) not in model.connections:
                    return self.problem(404, "the connection has ended")
                model.close_connection(int(number), "reset by the operator")
                return self.reply(204, b"")
            case ("GET", "traffic"):
                return self.reply(200, {"interval_seconds": 10, "received": model.received, "sent": model.sent,
                                        "active": model.active, "services": {"interval_seconds": 60, "bytes": {
                                            n: s["history"] for n, s in model.services.items()}}})
            case ("POST", "reload"):
                if model.options.bad_file:
                    return self.problem(422, "1 problem; nothing was changed", [
                        {"key": "server.bind_addr", "what": "not an address of the form host:port",
                         "remedy": "write it like `bind_addr = \"0.0.0.0:2333\"`", "severity": "error"}])
                model.emit("reloaded")
                return self.reply(200, {"result": "unchanged"})
            case ("POST", "drain" | "undrain" as which):
                model.draining = which == "drain"
                model.emit("draining" if model.draining else "undrained")
                return self.reply(200, model.status())
        return self.problem(404, "there is nothing here")

    def public(self, service, with_settings=False):
        return {k: v for k, v in service.items() if k != "history" and (with_settings or k != "settings")}

    def put(self, name):
        if self.headers.get("Content-Type") != "application/json":
            return self.problem(415, "send application/json")
        settings = json.loads(self.body)
        found = model.problems(name, settings)
        errors = sum(each["severity"] == "error" for each in found)
        if errors:
            return self.problem(422, f"{errors} problem{'s' if errors > 1 else ''}; nothing was changed", found)
        is_new = name not in model.services
        settings["token"] = MASK
        model.add(name, settings)
        model.emit("service_listening", service=name, address=model.services[name]["addresses"][0])
        return self.reply(201 if is_new else 200, self.public(model.services[name], True))

    def stream(self):
        last = self.headers.get("Last-Event-ID")
        last = int(last) if last is not None else model.next_event - 1
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while not model.hang and not model.fail:
                with model.changed:
                    fresh = [event for event in model.events if event[0] > last]
                    if not fresh:
                        model.changed.wait(1)
                for number, name, members in fresh:
                    last = number
                    self.wfile.write(f"id: {number}\nevent: {name}\ndata: {json.dumps(members)}\n\n".encode())
                if not fresh:
                    self.wfile.write(b": keep-alive\n\n")
                self.wfile.flush()
        except OSError:
            pass


def run_ticks():
    while True:
        time.sleep(1)
        model.tick()


parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--headers", default=HEADERS, help="the folder with the dashboard_*.hpp")
parser.add_argument("--mode", choices=["server", "client"], default="server")
parser.add_argument("--services", type=int, default=8)
parser.add_argument("--connections", type=int, default=40)
parser.add_argument("--churn", type=int, default=1, help="connections that begin and end each second")
parser.add_argument("--token")
parser.add_argument("--hostile", action="store_true")
parser.add_argument("--read-only", action="store_true")
parser.add_argument("--bad-file", action="store_true")
model = Model(parser.parse_args())
threading.Thread(target=run_ticks, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", model.options.port), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
