""" "Show as code": the request of a form as programs."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import doors
from jobs import catalog
from jobs.form_state import upload_id
from jobs.forms import GenerateForm
from jobs.views import snippets


@doors.team("jobs.read")
@never_cache
@require_POST  # a form is longer than an address may be
def code(request: HttpRequest, slug: str) -> JsonResponse:
    """What the form that is sent would be over the API: each program by its name, and a note. Changes nothing."""
    try:
        form = GenerateForm(catalog.get(slug), team=request.team, strings=request.POST)
    except KeyError:
        raise Http404 from None
    shown = of_form(form)
    return JsonResponse({"note": shown["note"], "texts": dict(shown["programs"])})


def of_form(form: GenerateForm) -> dict[str, Any]:
    """programs : by language; note : which fields are empty, so that a sample stands in."""
    body, missing = form.request()
    return {
        "programs": snippets.all_of(settings.SITE_URL, form.spec.slug, body),
        "note": " ".join(_notes(body["formState"], [str(field.label) for field in missing])),
    }


def _notes(values: dict[str, Any], missing: list[str]) -> Iterator[str]:
    if missing:
        sentence = _("Still empty, so the site's sample stands in: %(fields)s.")
        yield sentence % {"fields": ", ".join(missing)}
    if any(isinstance(value, str) and upload_id(value) for value in values.values()):
        yield _("An “upload:” value works with the keys of this team, for as long as the file is kept.")
