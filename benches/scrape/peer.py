"""Serves the rows given on standard input with Python's prometheus_client and its own server."""

import sys

from prometheus_client import CollectorRegistry, Gauge, start_http_server

registry = CollectorRegistry()
gauge = Gauge(
    "wolkvox_agent_aux_seconds",
    "Time each agent spent in each auxiliary state.",
    ["operation", "window", "agent_id", "agent_name", "state"],
    registry=registry,
)
for _ in range(int(sys.argv[1])):
    operation, agent_id, agent_name, state, seconds = sys.stdin.readline().rstrip("\n").split("\t")
    gauge.labels(operation, "today", agent_id, agent_name, state).set(float(seconds))
server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
print(server.server_port, flush=True)
sys.stdin.read()
