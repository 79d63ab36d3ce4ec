"""Is it alive, is it ready, how is it doing: for whoever watches the venue."""

from litestar import MediaType, Response, get

from web.bodies import Answer
from web.context import Anyone, gateway_of, services
from web.metrics import CONTENT_TYPE

CLOCK_SECONDS = 60
"""So far off the machine's clock the venue's time may be."""


class Alive(Answer, frozen=True):
    status: str = "ok"


class Readiness(Answer, frozen=True):
    """`reasons` is empty exactly when `ready`. `warnings` tell what does not keep the venue from trading: `database`,
    while the past cannot be brought up to date; `clock`, while the venue does not follow the machine's.
    """

    ready: bool
    reasons: list[str]
    warnings: list[str]
    sequence: int
    projected_sequence: int


@get("/healthz", tags=["health"], summary="Alive")
async def healthz(request: Anyone) -> Alive:
    """200 while the venue's loop turns."""
    return Alive()


@get("/readyz", tags=["health"], summary="Ready")
async def readyz(request: Anyone) -> Response[Readiness]:
    """200 when the venue takes orders and the database is not far behind, else 503 with the reasons."""
    gateway = gateway_of(request)
    sequence, projected = gateway.sequence, gateway.projected_sequence
    reasons = []
    if gateway.halted is not None:
        reasons.append(f"halted: {gateway.halted}")
    if gateway.paused is not None:
        reasons.append(f"paused: {gateway.paused}")
    if sequence - projected > services(request).settings.maximum_lag:
        reasons.append(f"the database is {sequence - projected} commands behind")
    # What is wrong with the database names hosts and files: that is for the log.
    warnings = [] if gateway.projection_fault is None else ["database"]
    if abs(gateway.figures().clock_ahead_seconds) > CLOCK_SECONDS:
        warnings.append("clock")
    answer = Readiness(
        ready=not reasons, reasons=reasons, warnings=warnings, sequence=sequence, projected_sequence=projected
    )
    return Response(answer, status_code=503 if reasons else 200)


@get("/metrics", tags=["health"], summary="Metrics", media_type=MediaType.TEXT)
async def metrics(request: Anyone) -> Response[bytes]:
    """Prometheus text."""
    return Response(services(request).metrics.text(), headers={"content-type": CONTENT_TYPE})


PUBLIC = [healthz, readyz, metrics]
