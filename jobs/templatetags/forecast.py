"""When a job may be finished, in words.

A view puts `forecasts` (jobs.forecast.forecasts of the page's jobs) into its context; `{% forecast job %}` then says
what it holds for this job: "next in line, about 2 min", "40 s to 1 min left", "slower than usual".
"""

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from jobs.forecast import Forecast
from jobs.line import COUNTED_AT_MOST
from jobs.models import Job
from jobs.templatetags.ui import grouped

register = template.Library()

ALIKE = 1.4  # times: two ends of a span that are this near are told as one


@register.simple_tag(takes_context=True)
def forecast(context: Context, job: Job) -> str:
    """What the context's `forecasts` say of this job; "" for one that they say nothing of."""
    found = context.get("forecasts", {}).get(job.pk)
    return sentence(found) if found else ""


@register.filter
def poster_path(job: Job) -> str:
    """The poster's address without the host; "" while there is none."""
    if not (job.poster_file and job.output_file):
        return ""
    return reverse("poster", args=[job.pk, job.output_token])


def sentence(found: Forecast) -> str:
    """A forecast as one line of text."""
    return " · ".join(part for part in (_place(found.place), _time(found)) if part)


def _place(place: int | None) -> str:
    if place is None:
        return ""
    if place == 1:
        return _("next in line")
    if place >= COUNTED_AT_MOST:
        return _("more than %(count)s before it") % {"count": grouped(COUNTED_AT_MOST - 1)}
    return _("number %(place)s in line") % {"place": grouped(place)}


def _time(found: Forecast) -> str:
    if found.is_slow and found.usual is not None:
        return _("slower than usual: most take at most %(time)s") % {"time": span(found.usual)}
    if found.low is None or found.high is None:
        return _("no finish time yet: too few like it were made")
    if found.high < 10:
        return _("a few seconds left")
    low, high = span(found.low), span(found.high)
    if found.high <= found.low * ALIKE or low == high:
        return _("about %(time)s left") % {"time": high}
    if found.low < 5:
        return _("at most %(time)s left") % {"time": high}
    return _("%(low)s to %(high)s left") % {"low": low, "high": high}


def span(seconds: float) -> str:
    """Some seconds as people say them: 5 s, 40 s, 3 min, 1.5 h. Rounded up, in steps that grow with it."""
    if seconds <= 55:
        return _("%(number)s s") % {"number": max(5, _up(seconds, 5))}
    if seconds <= 55 * 60:
        minutes = _up(seconds / 60, 1 if seconds <= 600 else 5)
        return pgettext("minutes", "%(number)s min") % {"number": minutes}
    halves = _up(seconds / 1800, 1)
    hours = formats.number_format(halves / 2 if halves % 2 else halves // 2, use_l10n=True)
    return pgettext("hours", "%(number)s h") % {"number": hours}


def _up(number: float, step: int) -> int:
    """The next multiple of `step` that is not below."""
    return -int(-number // step) * step
