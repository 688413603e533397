"""Changes of the services of a running program through its admin API."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request

from harness.processes import Failed

TOKEN = "of the soak's API"


class ApiEdits:
    """The services that the API of one program has made; at first none."""

    def __init__(self, port):
        self.settings = {"bind_addr": f"127.0.0.1:{port}", "token": TOKEN, "services_dir": "services.d"}
        self._url = f"http://127.0.0.1:{port}/api/v1/services/"
        self._made = {}
        self.requests = 0

    async def change(self, wanted, rng):
        """Makes the services those of `wanted`, settings by name; some by a wrong request before."""
        for name in sorted(self._made.keys() | wanted.keys()):
            before, after = self._made.get(name), wanted.get(name)
            if before == after:
                continue
            if rng.random() < 0.15:
                await self._expect(422, "PUT", name, {**(after or before), "type": "neither"})
            if not after:
                await self._expect(204, "DELETE", name)
                del self._made[name]
                continue
            if before and rng.random() < 0.5:
                patch = {key: after.get(key) for key in before.keys() | after.keys()
                         if before.get(key) != after.get(key)}
                await self._expect(200, "PATCH", name, patch)
            else:
                await self._expect(200 if before else 201, "PUT", name, after)
            self._made[name] = json.loads(json.dumps(after))

    async def _expect(self, status, method, name, settings=None):
        self.requests += 1
        got, text = await asyncio.to_thread(self._ask, method, name, settings)
        if got != status:
            raise Failed(f"{method} of {name} with {settings} is answered with {got}, not {status}: {text}")

    def _ask(self, method, name, settings):
        request = urllib.request.Request(
            self._url + urllib.parse.quote(name, safe=""), method=method,
            data=None if settings is None else json.dumps(settings).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
