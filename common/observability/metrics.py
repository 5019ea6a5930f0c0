"""Prometheus metrics. Labels are route templates and statuses, never paths, ids or tenants: their number is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds


class HttpMetrics:
    """Requests by method, route template and status, and how long they took."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "http_requests_total", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the request's first byte to the answer's last.",
            ["method", "route"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )

        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # finding them costs more than counting

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. Methods nobody defined share a label, or a client could make as many as it likes."""
        known = method if method in METHODS else "OTHER"
        found = self._found.get((known, route, status))
        if found is None:
            found = self._count.labels(known, route, str(status)), self._seconds.labels(known, route)
            self._found[known, route, status] = found
        found[0].inc()
        found[1].observe(seconds)


class PoolCollector(Collector):
    """The database pools' state at the moment of the scrape, and how many of their connections were retired so far, by
    server."""

    def __init__(
        self, read: Callable[[str], Mapping[str, int]], read_retired: Callable[[str], int], shards: Iterable[str]
    ) -> None:
        self._read = read
        self._read_retired = read_retired
        self._shards = tuple(shards)

    def collect(self) -> Iterator[Metric]:
        """Read the pools."""
        labels = ["shard", "state"]
        family = GaugeMetricFamily("database_pool_connections", "Connections of this process.", labels=labels)
        retired = CounterMetricFamily(
            "database_connections_retired", "Connections closed after many tenants.", labels=["shard"]
        )
        for shard in self._shards:
            for state, number in self._read(shard).items():
                family.add_metric([shard, state], number)
            retired.add_metric([shard], self._read_retired(shard))
        yield family
        yield retired
