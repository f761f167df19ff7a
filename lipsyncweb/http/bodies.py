"""The body of a call from another server, up to a length."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from lipsyncweb.http.numbers import row_number


class NoLength(ValueError):
    """What the call says of its body's length is no number."""


def read(request: HttpRequest, *, at_most: int) -> bytes | None:
    """The body; None for a longer one, which is not read when the call says how long it is. Raises NoLength."""
    length = row_number(request.META.get("CONTENT_LENGTH") or "0")
    if length is None:
        raise NoLength
    if length > at_most:
        return None
    try:
        return request.body
    except RequestDataTooBig:
        return None
