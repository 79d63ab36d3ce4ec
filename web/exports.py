"""Files of the public history: what there is, and each dataset as CSV or Parquet, sent while it is being made."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from marketdata.messages import Interval
from web.bodies import MinSequence
from web.context import Anyone, gateway_of
from web.errors import Fault, InvalidRequest, NotFound, Unavailable, logger, problems
from web.moments import read_moment
from web.ports import DatasetView, ExportFailed, ExportForm, ExportsBusy, Wanted
from web.views import Items

MEDIA_TYPES: Final[dict[ExportForm, str]] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}

FILE = {200: ResponseSpec(bytes, generate_examples=False, description="The file.", media_type=MEDIA_TYPES["csv"])}


@get("/exports", tags=["exports"], summary="What can be exported", responses=problems())
async def list_datasets(request: Anyone) -> Items[DatasetView]:
    """Public. The datasets, their columns, and what narrows each down; `/exports/{name}.csv` and `.parquet` are the
    files. A column `time_ns` is followed by `time`: local time with its zone in CSV, a timestamp in UTC in Parquet.
    """
    gateway = gateway_of(request)
    return Items(items=list(gateway.datasets()), sequence=gateway.projected_sequence)


@get("/exports/{file:str}", tags=["exports"], summary="A dataset as a file", responses=FILE | problems(404))
async def read_export(
    request: Anyone,
    file: FromPath[str],
    symbol: Annotated[
        str | None, QueryParameter(min_length=1, max_length=100, description="An instrument, or a code of the index.")
    ] = None,
    from_time: Annotated[
        str | None,
        QueryParameter(
            name="from", max_length=40, description="A date, a time with its zone, or nanoseconds; inclusive."
        ),
    ] = None,
    to_time: Annotated[str | None, QueryParameter(name="to", max_length=40, description="Likewise; exclusive.")] = None,
    interval: Annotated[Interval | None, QueryParameter(description="Candles of this interval alone.")] = None,
    every: Annotated[
        int | None, QueryParameter(ge=1, le=604_800, description="Seconds from one book to the next (3600).")
    ] = None,
    depth: Annotated[int | None, QueryParameter(ge=1, le=1000, description="Levels a side of a book (25).")] = None,
    min_sequence: MinSequence = None,
) -> Response[Any]:
    """Public. `{dataset}.csv` or `{dataset}.parquet`, made of one snapshot of the database and sent meanwhile: a file
    that breaks off ends the connection. The header `exchange-sequence` names a sequence that the file reaches at
    least. 404 `unknown_dataset`; 503 `busy` while others are being made.
    """
    gateway = gateway_of(request)
    name, _, suffix = file.rpartition(".")
    form: ExportForm | None = "csv" if suffix == "csv" else "parquet" if suffix == "parquet" else None
    dataset = next((each for each in gateway.datasets() if each.name == name), None)
    if form is None or dataset is None:
        raise NotFound("unknown_dataset", field="file")
    wanted = Wanted(
        symbol=None if symbol is None else symbol.replace("\0", ""),
        from_ns=_moment("from", from_time),
        to_ns=_moment("to", to_time),
        interval=interval,
        every_seconds=every,
        depth=depth,
    )
    for given, value in wanted.given().items():
        if value is not None and given not in dataset.filters:
            raise InvalidRequest(Fault(given, "this does not narrow the dataset down"))
    sequence, _ = await gateway.history(lambda _: None, min_sequence=min_sequence)
    parts = gateway.export(name, form, wanted)
    try:
        first = await anext(parts, b"")
    except ExportsBusy:
        raise Unavailable("busy", "other exports are being made", retry_after_s=10) from None
    except ExportFailed as failure:
        logger.error("an export failed: %s", failure)
        raise Unavailable("history_unavailable", "the export could not be made", retry_after_s=5) from None
    headers = {
        "content-disposition": f'attachment; filename="{file}"',
        "exchange-sequence": str(sequence),
        "cache-control": "no-store",
    }
    return Stream(_rest(first, parts), media_type=MEDIA_TYPES[form], headers=headers)


async def _rest(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


def _moment(field: str, text: str | None) -> int | None:
    """Raises `InvalidRequest`."""
    if text is None:
        return None
    try:
        return read_moment(text)
    except ValueError as error:
        raise InvalidRequest(Fault(field, f"{error} is expected")) from None


PUBLIC = [list_datasets, read_export]
