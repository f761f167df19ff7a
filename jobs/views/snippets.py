"""A request as programs that make it: what "Show as code" prints. Each runs as it stands once KEY holds a key.

The texts of a form go into them as they are, so they are quoted for their language here: whatever somebody typed stays
a text, and shows every character that it holds.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from jobs.views import examples
from jobs.views.examples import Example

MODEL = "lipsync-image"  # of the programs in docs/examples/, which these are made of


def all_of(site: str, model: str, body: Mapping[str, Any]) -> list[Example]:
    """curl, Python and JavaScript for one body of POST /api/v1/<model>: its values are texts, numbers and objects."""
    return [
        Example("curl", curl(site, model, body)),
        Example("Python", python(site, model, body)),
        Example("JavaScript", javascript(site, model, body)),
    ]


def curl(site: str, model: str, body: Mapping[str, Any]) -> str:
    text = _lines(body, json_literal, "", 2)
    return f"""curl {site}/api/v1/{model} \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  --data-raw {shell_literal(text)}"""


def python(site: str, model: str, body: Mapping[str, Any]) -> str:
    lines = [f"        {json_literal(name)}: {_python_value(value)}," for name, value in body.items()]
    return _program("submit.py", site, model, "    json={\n", "\n    },\n", lines)


def javascript(site: str, model: str, body: Mapping[str, Any]) -> str:
    lines = [f"    {name}: {_javascript_value(value)}," for name, value in body.items()]
    return _program("submit.mjs", site, model, "  body: JSON.stringify({\n", "\n  }),\n", lines)


def _program(name: str, site: str, model: str, begins: str, ends: str, lines: list[str]) -> str:
    """The program of docs/examples/ with another model and another request in place of its own."""
    program = examples.read(name, site)
    head, rest = program.split(begins, 1)
    _own, tail = rest.split(ends, 1)
    return head.replace(f"/{MODEL}", f"/{model}") + begins + "\n".join(lines) + ends + tail


def _python_value(value: Any) -> str:
    return _lines(value, python_literal, "        ", 4) if isinstance(value, dict) else python_literal(value)


def _javascript_value(value: Any) -> str:
    if not isinstance(value, dict):
        return json_literal(value)
    inner = "".join(f"      {name}: {json_literal(item)},\n" for name, item in value.items())
    return "{\n" + inner + "    }"


def _lines(value: Mapping[str, Any], literal: Callable[[Any], str], indent: str, step: int) -> str:
    """An object over several lines: JSON, which Python reads as well."""
    deeper = indent + " " * step
    last = "," if literal is python_literal else ""
    items = [
        f"{deeper}{literal(name)}: "
        + (_lines(item, literal, deeper, step) if isinstance(item, dict) else literal(item))
        for name, item in value.items()
    ]
    return "{\n" + ",\n".join(items) + f"{last}\n{indent}" + "}"


def json_literal(value: Any) -> str:
    """A text or number of JSON, which is one of JavaScript as well."""
    return "".join(_shown(char, json.dumps) for char in json.dumps(value, ensure_ascii=False))


def python_literal(value: Any) -> str:
    return "".join(_shown(char, _python_escape) for char in json.dumps(value, ensure_ascii=False))


def shell_literal(text: str) -> str:
    """One word for sh, bash and zsh. Nothing means anything between single quotes but the quote itself."""
    return "'" + text.replace("'", "'\\''") + "'"


def _shown(char: str, escape: Callable[[str], str]) -> str:
    """Characters that nobody sees, and those that turn others around, as their numbers."""
    return char if char.isprintable() else escape(char).strip('"')


def _python_escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
