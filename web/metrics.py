"""What the web layer counts, as Prometheus text at `/metrics`."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from web.ports import Gateway

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of birth for each series doubles what is scraped and tells nobody anything


class Metrics:
    """One registry a web application, so that two in one process (tests) do not meet."""

    def __init__(self, gateway: Gateway) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total", "HTTP requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "From the request's head to the answer's end",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._orders = Counter(
            "orders_total", "Answers to placed orders", ("status", "reason"), registry=self._registry
        )
        self.connections = Gauge(
            "feed_connections", "Open feed connections of browsers (/feed)", registry=self._registry
        )
        self._registry.register(_VenueCollector(gateway))
        self._of_request: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._of_order: dict[tuple[str, str | None], Callable[[], None]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. `route` is the template, never the path itself: the number of series stays bounded."""
        key = (method, route, status)
        counted = self._of_request.get(key)
        if counted is None:
            counted = self._of_request[key] = (
                self._requests.labels(method, route, str(status)).inc,
                self._seconds.labels(method, route).observe,
            )
        counted[0]()
        counted[1](seconds)

    def order(self, status: str, reason: str | None) -> None:
        """Count the answer to one placed order."""
        count = self._of_order.get((status, reason))
        if count is None:
            count = self._of_order[status, reason] = self._orders.labels(status, reason or "").inc
        count()

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _VenueCollector(Collector):
    """The venue's own figures, read when asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        gateway = self._gateway
        sequence, projected = gateway.sequence, gateway.projected_sequence
        yield GaugeMetricFamily("venue_sequence", "Last committed sequence", value=sequence)
        yield GaugeMetricFamily("venue_projected_sequence", "Sequence that the database has reached", value=projected)
        yield GaugeMetricFamily("venue_projection_lag", "Commands the database is behind", value=sequence - projected)
        yield GaugeMetricFamily(
            "venue_projection_lag_seconds",
            "Age of the oldest commit that the database does not show",
            value=gateway.projection_lag_seconds,
        )
        yield GaugeMetricFamily(
            "venue_halted", "1 when the venue has stopped acknowledging", value=bool(gateway.halted)
        )
        yield GaugeMetricFamily(
            "venue_paused", "1 while nothing that may lead to trades is taken", value=bool(gateway.paused)
        )
