"""Record dataclasses as Arrow tables: the schema is derived from the fields, so it is declared once.

| annotation | Arrow type |
|---|---|
| `str`, `Literal[...]` | string (Parquet dictionary-encodes repeated values by itself) |
| `int`, `float`, `bool` | int64, float64, bool |
| `X | None` | nullable X |
| `tuple[X, ...]` | list of X |
| a dataclass | struct of its fields |
| a union of dataclasses (`Content`) | struct with one nullable child per class, named in snake_case |

Conversion runs column by column in both directions, so 100,000 samples take a second or two.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from medvidbench.errors import MedVidBenchError

R = TypeVar("R")
_Array: TypeAlias = Any  # pyarrow's own annotations differ between its versions

_PRIMITIVES: dict[Any, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_RECORD_KEY = b"medvidbench.record"
_SURROGATE = re.compile("[\ud800-\udfff]")


def schema_of(record_type: type) -> pa.Schema:
    """The Arrow schema of a record dataclass; the record's name is kept in the schema's metadata.

    Raises:
        TypeError: a field's annotation has no Arrow counterpart (a mistake in the record's definition).
    """
    return _schema_of(record_type)


@cache
def _schema_of(record_type: type) -> pa.Schema:
    columns = [pa.field(name, _arrow_type(hint), nullable=_optional(hint)[1]) for name, hint in _hints(record_type)]
    return pa.schema(columns, metadata={_RECORD_KEY: record_type.__name__.encode()})


def to_table(records: Iterable[R], record_type: type[R]) -> pa.Table:
    """Records as a table with the schema `schema_of(record_type)`, in the order given.

    A lone surrogate (half of a UTF-16 pair, as broken model output holds) has no UTF-8 form and is
    written as U+FFFD.
    """
    rows = list(records)
    arrays = [_column([getattr(row, name) for row in rows], hint) for name, hint in _hints(record_type)]
    return pa.Table.from_arrays(arrays, schema=schema_of(record_type))


def from_table(table: pa.Table, record_type: type[R]) -> list[R]:
    """The records of a table; columns that the record doesn't have are ignored.

    Raises:
        MedVidBenchError: a column is missing or has another type than the record's.
    """
    schema = schema_of(record_type)
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise MedVidBenchError(
            seen=f"The table has no column {', '.join(missing)}; it has: {', '.join(table.column_names) or 'none'}.",
            accepted=f"the columns of {record_type.__name__}: {', '.join(schema.names)}",
        )
    columns = [_read_column(table.column(name), schema.field(name), hint) for name, hint in _hints(record_type)]
    return [record_type(*row) for row in zip(*columns, strict=True)]


# --- annotations ----------------------------------------------------------------------------------


def _hints(record_type: type) -> tuple[tuple[str, Any], ...]:
    return _read_hints(record_type)


@cache
def _read_hints(record_type: type) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(record_type)
    return tuple((field.name, hints[field.name]) for field in fields(record_type))


def _optional(hint: Any) -> tuple[Any, bool]:
    """The annotation without None, and whether None was in it."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint, False
    members = tuple(member for member in get_args(hint) if member is not type(None))
    return (members[0] if len(members) == 1 else Union[members]), len(members) < len(get_args(hint))  # noqa: UP007


def _union(hint: Any) -> dict[str, type] | None:
    """The classes of a union of dataclasses by snake-case name, or None for any other annotation."""
    if get_origin(hint) is not Union:
        return None
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", member.__name__).lower(): member for member in get_args(hint)}


def _arrow_type(hint: Any) -> Any:
    hint, _ = _optional(hint)
    if hint in _PRIMITIVES:
        return _PRIMITIVES[hint]
    if get_origin(hint) is Literal:
        return pa.string()
    if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
        return pa.list_(_arrow_type(get_args(hint)[0]))
    members = _union(hint)
    if members is not None:
        return pa.struct([pa.field(name, _arrow_type(member)) for name, member in members.items()])
    if is_dataclass(hint):
        return pa.struct([pa.field(name, _arrow_type(inner)) for name, inner in _hints(hint)])  # type: ignore[arg-type]
    raise TypeError(f"no Arrow type for the annotation {hint!r}")


# --- Python values to arrays ------------------------------------------------------------------------


def _column(values: Sequence[Any], hint: Any) -> _Array:
    hint, _ = _optional(hint)
    kind = _arrow_type(hint)
    if pa.types.is_list(kind):
        return _list_column(values, get_args(hint)[0], kind)
    if pa.types.is_struct(kind):
        return _struct_column(values, hint, kind)
    try:
        return pa.array(values, type=kind)
    except UnicodeEncodeError:
        return pa.array([v if v is None else _SURROGATE.sub("\ufffd", v) for v in values], type=kind)


def _list_column(values: Sequence[Any], item: Any, kind: Any) -> _Array:
    offsets = [0, *accumulate(0 if value is None else len(value) for value in values)]
    flat = _column([element for value in values if value is not None for element in value], item)
    mask = pa.array([value is None for value in values], type=pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, type=pa.int32()), flat, type=kind, mask=mask)


def _struct_column(values: Sequence[Any], hint: Any, kind: Any) -> _Array:
    members = _union(hint)
    if members is not None:
        children = [_column([v if type(v) is member else None for v in values], member) for member in members.values()]
    else:
        children = [
            _column([None if v is None else getattr(v, name) for v in values], inner) for name, inner in _hints(hint)
        ]
    mask = pa.array([value is None for value in values], type=pa.bool_())
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=mask)


# --- arrays to Python values ------------------------------------------------------------------------


def _read_column(column: _Array, field: _Array, hint: Any) -> list[Any]:
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise MedVidBenchError(
            seen=f"The column {field.name!r} has the type {column.type}.", accepted=str(field.type)
        ) from error
    if column.null_count and not field.nullable:
        raise MedVidBenchError(seen=f"The column {field.name!r} holds {column.null_count} empty values.")
    return [value for chunk in column.chunks for value in _values(chunk, hint)]


def _values(array: _Array, hint: Any) -> list[Any]:
    hint, _ = _optional(hint)
    if pa.types.is_list(array.type):
        return _list_values(array, get_args(hint)[0])
    if pa.types.is_struct(array.type):
        return _struct_values(array, hint)
    if pa.types.is_string(array.type):
        # Repeated strings (frame paths above all) become one shared object instead of millions.
        encoded = array.dictionary_encode()
        words = [*encoded.dictionary.to_pylist(), None]
        return [words[index] for index in encoded.indices.fill_null(len(words) - 1).to_numpy().tolist()]
    if array.null_count:
        return list(array.to_pylist())
    return list(array.to_numpy(zero_copy_only=False).tolist())


def _list_values(array: _Array, item: Any) -> list[Any]:
    flat = _values(array.flatten(), item)
    lengths = array.value_lengths().fill_null(0).to_numpy().tolist()
    bounds = pairwise([0, *accumulate(lengths)])
    valid = array.is_valid().to_pylist()
    return [tuple(flat[first:last]) if ok else None for (first, last), ok in zip(bounds, valid, strict=True)]


def _struct_values(array: _Array, hint: Any) -> list[Any]:
    members = _union(hint)
    if members is not None:
        columns = [_values(array.field(name), member) for name, member in members.items()]
        return [next((v for v in row if v is not None), None) for row in zip(*columns, strict=True)]
    columns = [_values(array.field(name), inner) for name, inner in _hints(hint)]
    valid = array.is_valid().to_pylist()
    return [hint(*row) if ok else None for row, ok in zip(zip(*columns, strict=True), valid, strict=True)]
