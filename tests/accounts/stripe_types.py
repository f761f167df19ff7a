"""Whether a document has the shape that Stripe publishes: by the types of its own library, generated from that."""

import builtins
import importlib
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union

import stripe
from stripe import ListObject, StripeObject


class Names(dict):
    """Names that a module of the library imports for type checkers alone; what it calls otherwise may be anything."""

    def __init__(self, module: dict[str, Any]):
        self.module = module

    def __missing__(self, name: str) -> Any:
        if name in self.module or name in vars(builtins):
            raise KeyError(name)
        if name == "ExpandableField":
            return importlib.import_module("stripe._expandable_field").ExpandableField
        return vars(typing).get(name) or getattr(stripe, name, Any)


def wrong(document: Any, kind: type[StripeObject]) -> list[str]:
    """What of the document is not of this kind's shape: unknown or missing names, wrong types, unknown words."""
    return list(_object(document, kind, kind.__name__.lower()))


def _object(value: Any, kind: type[StripeObject], where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object: {value!r}"
        return
    hints = _hints(kind)
    yield from (f"{where}.{name} is unknown" for name in value.keys() - hints.keys())
    for name, hint in hints.items():
        if name in value:
            yield from _value(value[name], hint, f"{where}.{name}")
        elif type(None) not in typing.get_args(hint) and name != "deleted":
            yield f"{where}.{name} is missing"


def _hints(kind: type[StripeObject]) -> dict[str, Any]:
    module = vars(sys.modules[kind.__module__])
    own = {name: hint for name, hint in vars(kind).get("__annotations__", {}).items() if name[0] != "_"}
    found = {}
    for name, hint in own.items():
        text = hint if isinstance(hint, str) else None
        holder = types.new_class("holder")
        holder.__annotations__ = {name: text or hint}
        found[name] = typing.get_type_hints(holder, globalns=module, localns=Names(module))[name]
    field_of = getattr(kind, "_field_remappings", {})
    return {
        field_of.get(name, name): hint
        for name, hint in found.items()
        if typing.get_origin(hint) is not typing.ClassVar
    }


def _value(value: Any, hint: Any, where: str) -> Iterator[str]:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return
    if origin in (Union, types.UnionType):
        if any(typing.get_origin(each) is Literal for each in inner):
            # The types leave room for words to come; these tests use those that there are.
            inner = tuple(each for each in inner if each is not str)
        tries = [list(_value(value, each, where)) for each in inner]
        if all(tries):
            yield from min(tries, key=len)
    elif origin is Literal:
        if value not in inner:
            yield f"{where} is {value!r} and none of {inner}"
    elif origin is list:
        yield from _list(value, inner[0], where)
    elif origin is dict:
        yield from () if isinstance(value, dict) else (f"{where} is {value!r}",)
    elif origin is not None and issubclass(origin, ListObject):
        yield from _list(value.get("data") if isinstance(value, dict) else value, inner[0], where)
    elif isinstance(hint, type) and issubclass(hint, StripeObject) and "__annotations__" in vars(hint):
        yield from _object(value, hint, where)
    elif origin is not None or (isinstance(hint, type) and issubclass(hint, StripeObject)):
        yield from () if isinstance(value, dict) else (f"{where} is {value!r}",)
    elif type(value) is not hint:
        yield f"{where} is {value!r} and not {hint}"


def _list(value: Any, hint: Any, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} is no list: {value!r}"
        return
    for index, each in enumerate(value):
        yield from _value(each, hint, f"{where}[{index}]")
