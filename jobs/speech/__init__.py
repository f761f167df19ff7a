"""Typed words become speech: the voices of this site, by the setting SPEECH_BACKEND."""

import functools

from jobs.speech.base import Backend


def backend() -> Backend | None:
    """The site's voices; None where the setting is empty."""
    # Here, since a backend's own process imports this package and needs no Django.
    from django.conf import settings

    return _made(settings.SPEECH_BACKEND) if settings.SPEECH_BACKEND else None


@functools.cache
def _made(path: str) -> Backend:
    from django.utils.module_loading import import_string

    made: Backend = import_string(path)()
    return made
