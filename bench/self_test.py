#!/usr/bin/env python3
"""Tests of what compare.py and profile.py compute and read."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

from harness import contenders, report, scenarios, transports  # noqa: E402
from harness.processes import Failed, Ports, listens  # noqa: E402
from harness.scenarios import iperf3_result, wrk_result, wrk_seconds  # noqa: E402
from harness.statistics import percentile, ratio, summary  # noqa: E402
from harness.tracing import perf_shares, strace_counts  # noqa: E402
from harness.udp import RATES, load_result, rate_name  # noqa: E402

WRK = """Running 2s test @ http://127.0.0.1:1/
  2 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.41ms    3.57ms  60.61ms   93.50%
    Req/Sec    13.75k     1.40k   16.73k    70.00%
  Latency Distribution
     50%    2.00ms
     75%    2.36ms
     90%    3.96ms
     99%    0.50s
  54741 requests in 2.00s, 14.15MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  27344.89
Transfer/sec:      7.07MB
"""

STRACE = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 63.04    1.264411          44     28164           sendto
 31.07    0.623218          11     56395     28133 recvfrom
100.00    2.005746          18    111323     28137 total
"""

PERF = """rathole 7
\tffffffff81 tcp_sendmsg ([kernel.kallsyms])
\tffffffff82 __x64_sys_sendto ([kernel.kallsyms])
\t    10ab59 __send (/usr/lib/libc.so.6)

rathole 7
\t     51790 [unknown] (/tmp/rathole)

rathole 7
\t    10ab59 __send (/usr/lib/libc.so.6)
\t     51790 [unknown] (/tmp/rathole)

rathole 7
\tffffffff83 finish_task_switch ([kernel.kallsyms])
"""


class Statistics(unittest.TestCase):
    def test_summary(self):
        self.assertEqual(summary([3, 1, 2]), {"median": 2, "min": 1, "max": 3, "count": 3})
        self.assertIsNone(summary([]))

    def test_percentile_is_a_measured_value(self):
        self.assertEqual(percentile([1, 2, 3, 4], 0.5), 2)
        self.assertEqual(percentile(range(1, 101), 0.99), 99)
        self.assertEqual(percentile([7], 0.99), 7)

    def test_ratio_pairs_the_rounds_and_overlooks_failures(self):
        found = ratio([2, None, 9], [1, 5, 3])
        self.assertAlmostEqual(found["ratio"], 5.5 / 3)
        self.assertEqual((found["min"], found["max"]), (2, 3))
        self.assertIsNone(ratio([None], [1]))
        self.assertIsNone(ratio([1], []))
        self.assertIsNone(ratio([1], [0]))


class Transports(unittest.TestCase):
    def test_each_has_a_table_for_both_ends(self):
        for name in transports.KINDS:
            server, client = transports.tables(name, "/f")
            kind = transports.KINDS[name][0]
            shared = "multiplex = true\n" if name.endswith("-mux") else ""
            table = "" if kind == "tcp" else f"[server.transport.{kind}]"
            self.assertIn(f'[server.transport]\ntype = "{kind}"\n{table}', server)
            table = table.replace("server", "client")
            self.assertIn(f'[client.transport]\ntype = "{kind}"\n{shared}{table}', client)

    def test_whom_each_is_compared_with(self):
        names = ["ours", "upstream", "ours/tls", "upstream/tls", "ours/tls-openssl", "ours/noise",
                 "upstream/noise-aesgcm", "ours/noise-aesgcm-openssl", "ours/tcp-mux",
                 "ours/tls-openssl-mux"]
        self.assertEqual(report.pairs(names), [("ours", "upstream"), ("ours/tls", "upstream/tls"),
                                               ("ours/tls-openssl", "upstream/tls"),
                                               ("ours/noise-aesgcm-openssl",
                                                "upstream/noise-aesgcm"),
                                               ("ours/tcp-mux", "upstream"),
                                               ("ours/tls-openssl-mux", "upstream/tls")])
        self.assertEqual(report.pairs(["ours", "ours/admin"]), [("ours/admin", "ours")])


class Parsing(unittest.TestCase):
    def test_wrk(self):
        self.assertEqual(wrk_result(WRK), {"requests": 54741, "rate": 27344.89, "p50": 2e-3,
                                           "p99": 0.5, "errors": 10, "bad": 5})
        with self.assertRaises(Failed):
            wrk_result("unable to connect")

    def test_wrk_times(self):
        self.assertEqual(wrk_seconds("2.00s"), 2)
        self.assertAlmostEqual(wrk_seconds("12.50us"), 12.5e-6)
        self.assertEqual(wrk_seconds("1.50m"), 90)
        with self.assertRaises(Failed):
            wrk_seconds("-nan")

    def test_iperf3(self):
        self.assertEqual(iperf3_result('{"end": {"sum_received": {"bits_per_second": 8e9, '
                                       '"bytes": 1000000000}}}'), (8e9, 10**9))
        with self.assertRaisesRegex(Failed, "refused"):
            iperf3_result('{"end": {}, "error": "connection refused"}')

    def test_udp_load(self):
        said = ('{"offered": 4000, "delivered": 3000, "in_time": 2500, "seconds": 2.5, '
                '"wrong": %d, "twice": %d}')
        self.assertEqual(load_result(said % (0, 0)), {"rate": 1000, "delivered": 3000, "loss": 25})
        for bad in ((1, 0), (0, 1)):
            with self.assertRaisesRegex(Failed, "1 "):
                load_result(said % bad)
        with self.assertRaisesRegex(Failed, "none of 9"):
            load_result('{"offered": 9, "delivered": 0, "in_time": 0, "seconds": 1, "wrong": 0, '
                        '"twice": 0}')

    def test_strace(self):
        self.assertEqual(strace_counts(STRACE), {"sendto": 28164, "recvfrom": 56395})

    def test_perf(self):
        self.assertEqual(perf_shares(PERF), {"sendto": 0.25, "the program itself": 0.25,
                                             "libc": 0.25, "kernel, else": 0.25})


class Report(unittest.TestCase):
    @staticmethod
    def results(better, ours, frp):
        return {"http.rate": {"title": "requests", "unit": "1/s", "better": better,
                              "values": {"ours": ours, "frp": frp, "upstream": [10, 20]}}}

    def test_cells(self):
        self.assertEqual(report.cell([1.234, None, 2]), "1.62 [1.23..2]")
        self.assertEqual(report.cell([12345.6]), "12,346")
        self.assertEqual(report.cell([None]), "failed")
        self.assertEqual(report.cell([]), "")

    def test_goals(self):
        rows = report.goal_rows(self.results("higher", [33, 33], [30, 30]))
        self.assertEqual(rows, [["requests", "≥ 1.1 × upstream", "2.20", "met"],
                                ["every row", "ahead of frp", "1 of 1", "met"]])
        rows = report.goal_rows(self.results("higher", [12, 12], [30, 30]))
        self.assertEqual(rows, [["requests", "≥ 1.1 × upstream", "0.80", "**missed**"],
                                ["every row", "ahead of frp", "0 of 1", "**missed**: requests"]])

    def test_no_more_loss_than_upstream(self):
        metric = f"udp-rates.loss-{rate_name(RATES[0])}"
        for ours, expected in (([0, 0], "met"), ([0, 0.1, 0.1], "met"), ([0.2], "**missed**")):
            results = {metric: {"title": "loss", "unit": "%", "better": "lower",
                                "values": {"ours": ours, "upstream": [None, 0.1]}}}
            self.assertEqual([row[3] for row in report.goal_rows(results)], [expected])
            results[metric]["values"]["upstream"] = [None]
            self.assertEqual(report.goal_rows(results), [])

    def test_update_replaces_what_is_between_the_markers(self):
        page = "before\n<!-- tool begin -->\n{}<!-- tool end -->\nafter\n"
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "page.md")
            for old in ("", "old\n"):
                with open(path, "w") as file:
                    file.write(page.format(old))
                report.update(path, "tool", "new\n")
                with open(path) as file:
                    self.assertEqual(file.read(), page.format("\nnew\n\n"))
            with self.assertRaises(Failed):
                report.update(path, "other tool", "new\n")


class Scenarios(unittest.TestCase):
    def test_who_does_what(self):
        by_key = {one.key: one for one in scenarios.SCENARIOS}
        everyone = [contenders.Direct(), contenders.Limit("/l"), contenders.Rathole("ours", "/o"),
                    contenders.Rathole("upstream", "/u", datagram=2048), contenders.Frp("/s", "/c")]

        def names(key):
            return [one.name for one in everyone if by_key[key].suits(one)]
        self.assertEqual(names("bulk"), ["direct", "limit", "ours", "upstream", "frp"])
        self.assertEqual(names("memory"), ["limit", "ours", "upstream", "frp"])
        self.assertEqual(names("udp-saturation"), ["direct", "ours", "upstream", "frp"])
        self.assertEqual(names("udp-large"), ["direct", "ours", "upstream"])

    def test_services_of_both_kinds(self):
        with tempfile.TemporaryDirectory() as folder:
            contenders.Rathole("ours", "/o").commands(
                folder, 1, [("a", "tcp", 2), ("b", "udp", 3)], {"a": 4, "b": 5})
            for file, key, of_a, of_b in (("server", "bind_addr", 4, 5),
                                          ("client", "local_addr", 2, 3)):
                with open(os.path.join(folder, f"rathole-{file}.toml")) as text:
                    self.assertIn(f'[{file}.services.a]\ntype = "tcp"\n{key} = "127.0.0.1:{of_a}"\n'
                                  f'[{file}.services.b]\ntype = "udp"\n{key} = "127.0.0.1:{of_b}"\n',
                                  text.read())


class Sockets(unittest.TestCase):
    def test_a_reserved_port_is_not_listened_on(self):
        ports = Ports()
        self.addCleanup(ports.release)
        port = ports.take()
        self.assertFalse(listens(port))
        ports._held[0].listen()
        self.assertTrue(listens(port))


if __name__ == "__main__":
    unittest.main()
