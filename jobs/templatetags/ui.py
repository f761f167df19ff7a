"""Small helpers of the pages: the colour theme, the current place, numbers and times."""

import uuid
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django import template
from django.template.context import Context
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import access
from accounts.models import Entry
from jobs import catalog, words
from jobs.models import DeliveryAttempt, Job
from jobs.views import webhook_words

register = template.Library()

THEMES = ("light", "dark", "system")
THEME_COOKIE = "theme"


@register.simple_tag(takes_context=True)
def theme_name(context: Context) -> str:
    """The visitor's choice: "light", "dark" or "system"."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE, "") if request else ""
    return chosen if chosen in THEMES else "system"


@register.simple_tag(takes_context=True)
def theme_attribute(context: Context) -> SafeString:
    """Written by the server, so that no page flashes in the wrong colours before a script has run."""
    theme = theme_name(context)
    return mark_safe("") if theme == "system" else format_html(' data-theme="{}"', theme)


@register.simple_tag(takes_context=True)
def current(context: Context, *names: str) -> SafeString:
    """`aria-current` for the navigation entry whose page this is."""
    request = context.get("request")
    match = getattr(request, "resolver_match", None)
    return mark_safe(' aria-current="page"') if match and match.url_name in names else mark_safe("")


@register.simple_tag(takes_context=True)
def may(context: Context, action: str) -> bool:
    """Whether the visitor may do this in the current team, for links that lead nowhere else."""
    request = context["request"]
    return bool(request.team) and access.may(request.membership, action, request.team)


@register.filter
def grouped(number: int) -> str:
    """12345 as 12,345 or as the language writes it."""
    return formats.number_format(number, use_l10n=True, force_grouping=True)


@register.filter
def signed(number: int) -> str:
    """+5, −5 (with a true minus) or 0."""
    text = grouped(abs(number))
    if number == 0:
        return text
    return f"+{text}" if number > 0 else f"−{text}"


@register.filter
def entry_amount(entry: Entry) -> int:
    """How many credits a line of the ledger moved, whichever way."""
    return abs(entry.available_change or entry.reserved_change)


@register.filter
def credit_count(number: int) -> str:
    return ngettext("%(number)s credit", "%(number)s credits", number) % {"number": grouped(number)}


@register.filter
def clock(seconds: float | None) -> str:
    """Seconds as 4.2 s below a minute, and as 2:05 above."""
    if seconds is None:
        return ""
    if seconds < 60:
        return _("%(seconds)s s") % {"seconds": formats.number_format(round(seconds, 1), use_l10n=True)}
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


@register.filter
def milliseconds(number: float | None) -> str:
    return "" if number is None else clock(number / 1000)


@register.filter
def moment(when: datetime | None) -> SafeString:
    """A <time> element: UTC from the server, the visitor's own zone once static/js/times.js has seen it."""
    if when is None:
        return mark_safe("")
    text = formats.date_format(timezone.localtime(when), "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{} UTC</time>', when.isoformat(timespec="seconds"), text)


@register.filter
def is_soon(when: datetime | None) -> bool:
    """Whether a moment is less than two days away."""
    return when is not None and when - timezone.now() < timedelta(days=2)


@register.filter
def job_link(job_id: uuid.UUID) -> SafeString:
    return format_html(
        '<a href="{}">{}</a>', reverse("job", args=[job_id]), _("job %(id)s") % {"id": str(job_id)[:8]}
    )


@register.filter
def job_title(job: Job) -> str:
    """What a job is called: its inputs' names, or its model's when they say nothing."""
    spec = catalog.MODELS.get(job.model)
    return job.form_state.get("label") or (str(spec.title) if spec else job.model)


@register.filter
def result_path(job: Job) -> str:
    """The result's address without the host, so that it is the page's own whatever name the site was opened by."""
    return urlsplit(job.output_url).path


@register.filter
def stage_name(stage: str) -> str:
    return str(words.STAGES.get(stage, words.WORKING))


@register.filter
def maker(job: Job) -> str:
    """Where it is made."""
    return job.connection.name if job.connection else str(words.THIS_SITE)


@register.filter
def warning_sentence(code: str) -> str:
    return str(words.WARNINGS.get(code, code))


@register.filter
def delivery_problem(attempt: DeliveryAttempt) -> str:
    return webhook_words.problem(attempt)


@register.filter
def verb_name(verb: str) -> str:
    return str(words.VERBS.get(verb, verb))


@register.filter
def error_sentence(job: Job) -> str:
    """Why it failed. The stored sentence is the API's and begins with a field's name; a page says its label."""
    name, colon, rest = job.error.partition(": ")
    spec = catalog.MODELS.get(job.model)
    labels = {field.name: str(field.label) for field in spec.fields} if spec else {}
    if colon and name in labels and job.error_code not in words.QUOTED:
        return f"{labels[name]}: {words.failure(job.error_code, rest)}"
    return words.failure(job.error_code, job.error)
