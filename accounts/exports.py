"""Tables as CSV and JSON, streamed: column names are English and stable, whatever language the page is in."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify

from accounts.models import Entry, Team

Cell = str | int | None

# Where a spreadsheet would begin a formula: =, +, - and @, also in the full widths of East Asian keyboards, at the
# start of a cell, or behind what Excel splits a line at (in much of Europe the semicolon, else the tab).
FORMULA = re.compile(r"""(^|[;\t\r\n])(?=[\s"]*[=+\-@＝＋－＠])|^(?=[\t\r\n])""")
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def download(
    form: str, rows: Iterable[Mapping[str, Cell]], *, columns: list[str], name: str, about: Mapping[str, Cell]
) -> StreamingHttpResponse:
    """`rows` as a file `name`.csv or .json, as `form` says; `about` stands before the rows in JSON."""
    body = csv_lines(columns, rows) if form == "csv" else json_lines(about, rows)
    answer = StreamingHttpResponse(body, content_type=TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return answer


def back_to(page: str, request: HttpRequest) -> HttpResponse:
    """To the page that says what is wrong with the filters: nobody should take everything for what they asked for."""
    return redirect(f"{reverse(page)}?{request.GET.urlencode()}")


def csv_lines(columns: list[str], rows: Iterable[Mapping[str, Cell]]) -> Iterator[str]:
    """Lines of CSV by RFC 4180. Text that a spreadsheet would run is prefixed; numbers stay numbers, also below 0.

    Without a byte order mark: programs would read it as a part of the first column's name. Excel finds the right
    letters and columns by Data, From Text/CSV (docs/credits.md); with commas, a double click shows neither everywhere.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(row[column]) for column in columns])
        if written.tell() > 16_000:
            yield _emptied(written)
    yield _emptied(written)


def json_lines(about: Mapping[str, Cell], rows: Iterable[Mapping[str, Cell]]) -> Iterator[str]:
    """One JSON object: what it is about, and its rows as "entries", one a line. Text is as it is."""
    yield json.dumps(dict(about), ensure_ascii=False)[:-1] + ', "entries": ['
    separator = "\n"
    for row in rows:
        yield separator + json.dumps(dict(row), ensure_ascii=False)
        separator = ",\n"
    yield "\n]}\n"


def harmless(cell: Cell) -> Cell:
    """Text with an apostrophe before whatever a spreadsheet would run. A number is no text: -20 runs as -20."""
    return FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _emptied(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text


# --- the ledger ---------------------------------------------------------------------------------
LEDGER_COLUMNS = [
    "id",
    "time",
    "purse",
    "kind",
    "available_change",
    "reserved_change",
    "model",
    "job",
    "key_id",
    "key_name",
    "person",
    "note",
    "expires_at",
    "reference",
]


def ledger_row(entry: Entry) -> dict[str, Cell]:
    """One line of the ledger under LEDGER_COLUMNS."""
    return {
        "id": entry.pk,
        "time": _moment(entry.created_at),
        "purse": entry.purse.kind,
        "kind": entry.kind,
        "available_change": entry.available_change,
        "reserved_change": entry.reserved_change,
        "model": entry.model,
        "job": str(entry.job_id) if entry.job_id else None,
        "key_id": entry.key.public_id if entry.key else None,
        "key_name": entry.key.name if entry.key else None,
        "person": entry.person.email if entry.person else None,
        "note": entry.note,
        "expires_at": _moment(entry.expires_at),
        "reference": entry.reference,
    }


def file_name(what: str, team: Team, *days: date | str) -> str:
    """Such as lipsyncweb-credits-my-team-2026-01-01-2026-01-31, in letters that every file system takes."""
    return "-".join(["lipsyncweb", what, slugify(team.name)[:60] or f"team-{team.pk}", *map(str, days)])


def _moment(when: datetime | None) -> str | None:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z") if when else None
