"""Request bodies: JSON in, a typed message out, or an `InvalidRequest` that names the fields at fault.

Decoding is strict: `"5"` is no integer, an unknown field is an error. Finding out that a body is right costs one pass
of the decoder; only a wrong one is looked at again, field by field, so that a form can mark all its faults at once.
"""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.openapi.spec import Reference, Schema
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition
from msgspec import Meta, Struct

from matching.messages import MAX_INTEGER, MAX_TIME_NS
from web.errors import MISSING_BODY, Fault, InvalidRequest

T = TypeVar("T")

MAXIMUM_BODY = 1024 * 1024
"""Bytes of a body at most."""

MAXIMUM_FAULTS = 20
"""Unknown fields named in an answer at most."""

PRINTABLE = r"^[^\u0000-\u001f\u007f]*(?!\n)$"
"""Texts carry no control characters: PostgreSQL keeps no NUL, and no name needs a line feed. (Python's `$` would
allow one.)
"""


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """What bodies share: no unknown fields."""


class Answer(Struct, frozen=True):
    """What answers share. Readers must bear new fields."""


# The types that bodies are made of. A description travels into the API's own.
Integer = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
TimeNs = Annotated[int, Meta(ge=-MAX_TIME_NS, le=MAX_TIME_NS, description="Nanoseconds since 1970 UTC.")]
PositiveInteger = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Natural = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
ShortText = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]

Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="Items at most.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=100, description="The `next` of the page before; left out for the first page."),
]
MinSequence = Annotated[
    int | None,
    QueryParameter(
        ge=0,
        le=MAX_INTEGER,
        description="Wait up to two seconds until the answer is true of this sequence, else 503 `view_behind`.",
    ),
]


def decode(kind: type[T], body: bytes) -> T:
    """The body as a `kind`. Raises `InvalidRequest`."""
    try:
        return _decoder(kind).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(*_faults_of_body(kind, body, error)) from None


def convert(kind: type[T], value: Any) -> T:
    """A value that has been decoded already, as a `kind`. Raises `InvalidRequest`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(*_faults(kind, value, error)) from None


class JsonBody(AbstractDTO[Any]):
    """How a handler's `data` is decoded: by `decode`, instead of Litestar's own way, which would take `"5"` for 5."""

    @classmethod
    def create_for_field_definition(cls, *args: Any, **kwargs: Any) -> None:
        """Nothing to prepare: the decoder depends on the type alone."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """The type's own schema."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Any:
        """Not asked for: no fields are transferred one by one."""
        return iter(())

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False

    def decode_bytes(self, value: bytes) -> Any:
        return decode(self.asgi_connection.route_handler.parsed_fn_signature.parameters["data"].annotation, value)


_decoders: dict[Any, Any] = {}


def _decoder(kind: type[T]) -> "msgspec.json.Decoder[T]":
    """Made once a type."""
    decoder: msgspec.json.Decoder[T] | None = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return decoder


def _faults_of_body(kind: type[Any], body: bytes, error: Exception) -> list[Fault]:
    if not body.strip():
        return [Fault(None, MISSING_BODY)]
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        reason = "it is nested too deeply" if isinstance(broken, RecursionError) else str(broken)
        return [Fault(None, f"the body is not JSON: {reason}")]
    return _faults(kind, value, error)


def _faults(kind: type[Any], value: Any, error: Exception) -> list[Fault]:
    """What is wrong, most of it found by looking at each field alone."""
    if not isinstance(value, dict) or not issubclass(kind, Struct):
        return [_fault("", str(error))]
    fields = msgspec.structs.fields(kind)
    names = {field.encode_name for field in fields}
    faults = [Fault(name[:64], "unknown field") for name in value if name not in names][:MAXIMUM_FAULTS]
    for field in fields:
        if field.encode_name in value:
            try:
                msgspec.convert(value[field.encode_name], field.type)
            except msgspec.ValidationError as wrong:
                faults.append(_fault(field.encode_name, str(wrong)))
        elif field.required:
            faults.append(Fault(field.encode_name, "missing"))
    return faults or [_fault("", str(error))]


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def _fault(field: str, message: str) -> Fault:
    """msgspec's sentence, split into where and what."""
    match = _AT.match(message)
    assert match is not None
    what = match["what"]
    if PRINTABLE in what.replace("\\\\", "\\"):
        what = "control characters are not allowed"
    return Fault((field + (match["path"] or "")).lstrip(".") or None, what)
