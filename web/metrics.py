"""What the web layer and the venue count, as Prometheus text at `/metrics`.

Every label has a bounded set of values: templates, not paths; codes and reasons that the sources name, and beyond
`MAXIMUM_SERIES` of them `other`.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from marketdata.feed import Feed
from marketdata.messages import CHANNELS
from marketdata.wire import FRAMED_JSON, FRAMED_MSGPACK
from web.figures import Distribution, Figures
from web.ports import Gateway

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MAXIMUM_SERIES: Final = 200
"""Of each family that is labelled by codes or reasons."""

HALT_CAUSES: Final = ("engine", "journal", "reader", "follower")
REFUSALS: Final = ("room", "share", "database_behind")

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of birth for each series doubles what is scraped and tells nobody anything


class Metrics:
    """One registry a web application, so that two in one process (tests) do not meet."""

    def __init__(self, gateway: Gateway, feed: Feed | None = None) -> None:
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
        self._problems = Counter(
            "problems_total",
            "Answers other than the one asked for, over HTTP and order entry",
            ("code",),
            registry=self._registry,
        )
        self._registry.register(_VenueCollector(gateway))
        if feed is not None:
            self._registry.register(_FeedCollector(gateway, feed))
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._of_request: dict[tuple[str, str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._of_order: dict[tuple[str, str | None], Callable[[], None]] = {}
        self._of_problem: dict[str, Callable[[], None]] = {}

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
            told = reason if len(self._of_order) < MAXIMUM_SERIES else "other"
            count = self._of_order[status, told] = self._orders.labels(status, told or "").inc
        count()

    def problem(self, code: str) -> None:
        """Count one refusal by its code."""
        count = self._of_problem.get(code)
        if count is None:
            told = code if len(self._of_problem) < MAXIMUM_SERIES else "other"
            count = self._of_problem[told] = self._problems.labels(told).inc
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
        gateway, figures = self._gateway, self._gateway.figures()
        sequence, projected = gateway.sequence, gateway.projected_sequence
        yield GaugeMetricFamily("venue_sequence", "Last committed sequence", value=sequence)
        yield from _queue(figures)
        yield GaugeMetricFamily("venue_projected_sequence", "Sequence that the database has reached", value=projected)
        yield GaugeMetricFamily("venue_projection_lag", "Commands the database is behind", value=sequence - projected)
        yield GaugeMetricFamily(
            "venue_projection_lag_seconds",
            "Age of the oldest commit that the database does not show",
            value=gateway.projection_lag_seconds,
        )
        yield GaugeMetricFamily(
            "venue_projection_fault",
            "1 while something keeps the database from following",
            value=gateway.projection_fault is not None,
        )
        yield GaugeMetricFamily(
            "venue_shadow_lag",
            "Commands that have not been executed again and compared",
            value=sequence - figures.verified_sequence,
        )
        yield CounterMetricFamily(
            "venue_follower_starts", "Starts of the follower's process", value=figures.follower_starts
        )
        yield GaugeMetricFamily(
            "venue_halted", "1 when the venue has stopped acknowledging", value=gateway.halted is not None
        )
        halts = CounterMetricFamily("venue_halts", "Halts of the venue by cause", labels=("cause",))
        for cause in HALT_CAUSES:
            halts.add_metric((cause,), float(cause == figures.halt_cause))
        yield halts
        yield GaugeMetricFamily(
            "venue_paused", "1 while nothing that may lead to trades is taken", value=gateway.paused is not None
        )
        yield CounterMetricFamily("venue_pauses", "Pauses for the database's sake", value=figures.pauses)
        yield CounterMetricFamily("venue_paused_seconds", "All pauses together", value=figures.paused_seconds)
        yield GaugeMetricFamily(
            "venue_clock_ahead_seconds",
            "How far the venue's time is ahead of the machine's; 0 while it follows",
            value=figures.clock_ahead_seconds,
        )
        yield from _snapshots(figures, sequence)
        yield from _process(figures)


def _snapshots(figures: Figures, sequence: int) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "venue_snapshot_sequence", "Sequence of the newest snapshot; 0: none", value=figures.snapshot_sequence
    )
    yield GaugeMetricFamily(
        "venue_snapshot_age_commands",
        "Commands since the newest snapshot, which a start would execute again",
        value=sequence - figures.snapshot_sequence,
    )
    yield GaugeMetricFamily(
        "venue_snapshot_age_seconds", "Since the newest snapshot was written", value=figures.snapshot_age_seconds
    )
    yield _histogram("venue_snapshot_seconds", "Audit, writing and check of a snapshot", figures.snapshot_seconds)
    yield _histogram(
        "venue_snapshot_fork_seconds",
        "For how long the follower stands still at the beginning of a snapshot",
        figures.snapshot_stood_seconds,
    )
    yield CounterMetricFamily(
        "venue_snapshot_failures", "Snapshots not written, or passed over", value=figures.snapshot_failures
    )
    yield GaugeMetricFamily("venue_journal_bytes", "The journal on the disk, with its log", value=figures.journal_bytes)
    yield GaugeMetricFamily("venue_disk_free_bytes", "Free on the disk of the journal", value=figures.disk_free_bytes)


def _process(figures: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily("exchange_uptime_seconds", "Since the venue's process began", value=figures.uptime_seconds)
    pauses = HistogramMetricFamily(
        "exchange_gc_pause_seconds",
        "For how long a collection of garbage stood in the way of all else",
        labels=("generation",),
    )
    for generation, pause in enumerate(figures.gc_pauses):
        pauses.add_metric((str(generation),), _buckets(pause), pause.total)
    yield pauses


def _queue(figures: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily("venue_queue_commands", "Commands that wait for their batch", value=figures.waiting)
    refused = CounterMetricFamily(
        "venue_refused",
        "Commands that were not taken into the queue, by what there was not enough of",
        labels=("lack",),
    )
    for lack in REFUSALS:
        refused.add_metric((lack,), figures.refused.get(lack, 0))
    yield refused
    yield _histogram("venue_batch_commands", "Commands of a batch", figures.batch_commands)
    yield _histogram("venue_execute_seconds", "Engine, hash and encoding of a batch", figures.execute_seconds)
    yield _histogram("venue_commit_seconds", "From hand-over of a batch to its durability", figures.commit_seconds)


class _FeedCollector(Collector):
    """Who reads the feed, and how far behind its readers are. O(connections and subscriptions)."""

    def __init__(self, gateway: Gateway, feed: Feed) -> None:
        self._gateway = gateway
        self._feed = feed

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        feed = self._feed
        by_adapter: Tally[str] = Tally()
        by_channel: Tally[str] = Tally()
        buffered = 0
        for connection in feed.connections:
            by_adapter["programs" if connection.form in (FRAMED_JSON, FRAMED_MSGPACK) else "browsers"] += 1
            by_channel.update(channel for channel, _ in connection.subscriptions)
            by_channel["heartbeat"] += connection.heartbeat
            buffered += connection.outlet.buffered()
        connections = GaugeMetricFamily("feed_connections", "Open feed connections", labels=("adapter",))
        for adapter in ("programs", "browsers"):
            connections.add_metric((adapter,), by_adapter[adapter])
        yield connections
        subscriptions = GaugeMetricFamily("feed_subscriptions", "Subscriptions of all readers", labels=("channel",))
        for channel in CHANNELS:
            subscriptions.add_metric((channel,), by_channel[channel])
        yield subscriptions
        yield GaugeMetricFamily(
            "feed_lag",
            "Committed commands that the feed has not been told",
            value=self._gateway.sequence - feed.sequence,
        )
        yield GaugeMetricFamily(
            "feed_subscriptions_behind", "Subscriptions that wait for a slow reader", value=len(feed.behind)
        )
        yield GaugeMetricFamily("feed_buffered_bytes", "Written to readers and not sent yet", value=buffered)
        yield _histogram(
            "feed_flush_seconds",
            "From a publication until it had been written to its readers",
            self._gateway.figures().flush_seconds,
        )


def _histogram(name: str, text: str, distribution: Distribution) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, text, buckets=_buckets(distribution), sum_value=distribution.total)


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """Up to each bound, as Prometheus counts."""
    buckets: list[tuple[str, float]] = []
    count = 0
    for bound, added in zip((*distribution.bounds, float("inf")), distribution.counts, strict=True):
        count += added
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), count))
    return buckets
