"""The team's webhooks: where they go, what signs them, what became of each, and sending them again."""

import json
import uuid
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, doors, teams
from jobs import cursors
from jobs.models import Receiver, WebhookDelivery
from jobs.views import webhook_words
from jobs.webhooks import check, deliveries, message, queue, rotation
from jobs.webhooks.check import Verdict

PAGE = 20
SPANS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}
LONGEST_PASTE = 200_000
PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class DefaultForm(forms.Form):
    """Judged by jobs/webhooks/queue.py, which knows what may be reached."""

    url = forms.CharField(
        label=gettext_lazy("Default address"),
        required=False,
        max_length=8000,
        help_text=gettext_lazy("Used when a request names no webhook. Empty: none is sent then."),
        widget=forms.TextInput(
            attrs={**PLAIN, "inputmode": "url", "placeholder": "https://example.com/webhook"}
        ),
    )
    browser_jobs = forms.BooleanField(
        label=gettext_lazy("Also for videos made on this site's own pages"), required=False
    )


class CheckForm(forms.Form):
    headers = forms.CharField(
        label=gettext_lazy("Headers"),
        max_length=LONGEST_PASTE,
        help_text=gettext_lazy("As your receiver logged them, one a line, or as JSON."),
        widget=forms.Textarea(
            attrs={
                **PLAIN,
                "rows": 5,
                "placeholder": "webhook-id: msg_…\nwebhook-timestamp: …\nwebhook-signature: v1,…",
            }
        ),
    )
    body = forms.CharField(
        label=gettext_lazy("Body"),
        max_length=LONGEST_PASTE,
        strip=False,
        help_text=gettext_lazy("Byte for byte, before anything parsed it."),
        widget=forms.Textarea(attrs={**PLAIN, "rows": 8}),
    )
    secret = forms.CharField(
        label=gettext_lazy("The secret that your receiver uses"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("Empty: this team's own. It is only compared, and not kept."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    computed = forms.CharField(
        label=gettext_lazy("The signature that your own code came to"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("To be told which step of your code goes wrong."),
        widget=forms.TextInput(attrs=PLAIN),
    )


@doors.team("webhooks.read")
@never_cache
@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    return _page(request)


@doors.team("webhooks.manage")
@require_POST
def default(request: HttpRequest) -> HttpResponse:
    form = DefaultForm(request.POST)
    if form.is_valid():
        try:
            queue.set_default(
                team=request.team, actor=request.membership, who=audit.who(request), **form.cleaned_data
            )
        except queue.BadAddress as bad:
            form.add_error("url", bad.sentence)
        else:
            messages.success(request, _("The default address is saved."))
            return redirect("webhooks")
    return _page(request, form=form, status=422)


@doors.team("webhooks.manage")
@never_cache
@require_POST
def secret(request: HttpRequest) -> HttpResponse:
    """The page with the signing secret on it, for those who may manage webhooks and ask."""
    try:
        shown = rotation.reveal(request.team, actor=request.membership, who=audit.who(request))
    except ValueError:
        return _unreadable(request)
    return _page(request, secret=shown)


@doors.team("webhooks.manage")
@never_cache
@require_POST
def rotate(request: HttpRequest) -> HttpResponse:
    """POST `keep`, a name of rotation.OVERLAPS: a new secret, which this answer shows."""
    keep = rotation.OVERLAPS.get(request.POST.get("keep", ""))
    if keep is None:
        raise Http404
    try:
        who = audit.who(request)
        made = rotation.rotate(request.team, actor=request.membership, keep_for=keep, who=who)
    except rotation.OverlapRuns:
        messages.error(request, _("The last secret still signs; end that first, then make a new one."))
        return redirect("webhooks")
    if not made:
        messages.info(request, _("Somebody else has just made a new secret."))
        return redirect("webhooks")
    messages.success(request, _("There is a new signing secret. Enter it at your receivers."))
    return _page(request, secret=teams.webhook_secret(request.team))


@doors.team("webhooks.manage")
@require_POST
def end_overlap(request: HttpRequest) -> HttpResponse:
    if rotation.end_overlap(request.team, actor=request.membership, who=audit.who(request)):
        messages.success(request, _("The old secret signs no more."))
    return redirect("webhooks")


@doors.team("webhooks.replay")
@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Send a test to the default address, and lead to what becomes of it."""
    try:
        sent = queue.send_test(team=request.team, actor=request.membership, who=audit.who(request))
    except queue.BadAddress as bad:
        messages.error(request, bad.sentence)
        return redirect("webhooks")
    except queue.TooManyTests:
        messages.error(request, _("That was many tests; please wait a minute."))
        return redirect("webhooks")
    return redirect("delivery", sent.pk)


@doors.team("webhooks.replay")
@require_POST
def replay_failed(request: HttpRequest) -> HttpResponse:
    """POST `since`, a name of SPANS."""
    span = SPANS.get(request.POST.get("since", ""))
    if span is None:
        raise Http404
    since, who = timezone.now() - span, audit.who(request)
    count = queue.replay_failed(team=request.team, actor=request.membership, since=since, who=who)
    if count:
        said = ngettext(
            "%(count)s webhook is being sent again.", "%(count)s webhooks are being sent again.", count
        )
        messages.success(request, said % {"count": count})
    else:
        messages.info(request, _("Nothing has failed in that time that has not arrived since."))
    return redirect("webhooks")


@doors.team("webhooks.read")
@never_cache
@require_safe
def delivery(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    return render(request, "jobs/webhooks/delivery.html", _delivery_context(request, _own(request, pk)))


@doors.team("webhooks.read")
@never_cache
@require_safe
def delivery_card(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The changing part of a delivery's page: 204 while nothing has changed since `v`."""
    context = _delivery_context(request, _own(request, pk))
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "jobs/webhooks/_delivery_card.html", context)


@doors.team("webhooks.replay")
@require_POST
def replay(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    found = _own(request, pk)
    try:
        sent = queue.replay(found.pk, team=request.team, actor=request.membership)
    except queue.TooManyTests:
        messages.error(request, _("That was many tests; please wait a minute."))
    else:
        if sent:
            messages.success(request, _("The webhook is being sent again."))
        else:
            messages.info(
                request, _("It is being sent right now, is too old, or was tried too often to be sent again.")
            )
    if found.job_id and request.POST.get("back") == "job":
        return redirect("job", found.job_id)
    return redirect("delivery", found.pk)


@doors.team("webhooks.read")
@never_cache
@sensitive_post_parameters("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def check_signature(request: HttpRequest) -> HttpResponse:
    """Says why a pasted message's signature fails. Keeps nothing of what was pasted."""
    form = CheckForm(request.POST or None)
    verdict: Verdict | None = None
    if request.method == "POST" and form.is_valid():
        verdict = check.check(request.team, **form.cleaned_data)
    failed = request.method == "POST" and verdict is None
    context = {"form": form, "verdict": verdict}
    return render(request, "jobs/webhooks/check.html", context, status=422 if failed else 200)


def _own(request: HttpRequest, pk: uuid.UUID) -> WebhookDelivery:
    try:
        return deliveries.detail(request.team, pk)
    except WebhookDelivery.DoesNotExist:
        raise Http404 from None


def _unreadable(request: HttpRequest) -> HttpResponse:
    messages.error(request, str(webhook_words.PROBLEMS["secret_unreadable"]))
    return redirect("webhooks")


def _page(
    request: HttpRequest, *, form: DefaultForm | None = None, secret: str = "", status: int = 200
) -> HttpResponse:
    kept = queue.settings_of(request.team)
    chosen = request.GET.get("status", "")
    chosen = chosen if chosen in webhook_words.STATUSES else ""
    page = deliveries.page(request.team, status=chosen, after=_position(request), limit=PAGE)
    context = {
        "form": form or DefaultForm(initial={"url": kept.url, "browser_jobs": kept.browser_jobs}),
        "kept": kept,
        "secret": secret,
        "overlap": rotation.overlap(request.team),
        "overlaps": webhook_words.OVERLAPS.items(),
        "failing": _failing(request),
        "page": page,
        "rows": [_row(each) for each in page.deliveries],
        "statuses": webhook_words.STATUSES.items(),
        "chosen": chosen,
        "is_first": not request.GET.get("after"),
        "may_manage": access.may(request.membership, "webhooks.manage", request.team),
        "may_replay": access.may(request.membership, "webhooks.replay", request.team),
    }
    return render(request, "jobs/webhooks/webhooks.html", context, status=status)


def _failing(request: HttpRequest) -> QuerySet[Receiver]:
    """Receivers that failed when last tried, not so long ago that nobody can do anything about it."""
    failing = Receiver.objects.filter(team=request.team, failures__gt=0)
    return failing.filter(served_at__gte=queue.kept_since(timezone.now())).order_by("failing_since")[:5]


def _position(request: HttpRequest) -> tuple[datetime, uuid.UUID] | None:
    text = request.GET.get("after", "")
    try:
        return cursors.decode(text) if text else None
    except ValueError:
        raise Http404 from None


def _row(found: WebhookDelivery) -> dict[str, Any]:
    return {
        "delivery": found,
        "label": webhook_words.STATUSES[found.status],
        "badge": webhook_words.BADGES[found.status],
    }


def _delivery_context(request: HttpRequest, found: WebhookDelivery) -> dict[str, Any]:
    return {
        **_row(found),
        "attempts": [
            {"attempt": each, "problem": webhook_words.problem(each), "lost": _is_lost(each, found)}
            for each in reversed(found.newest)
        ],
        "sent": json.dumps(message.document(found), ensure_ascii=False, indent=2),
        "version": f"{found.attempts}-{found.state}-{found.is_in_hand:d}",
        "active": found.state == "due" and found.due_at < timezone.now() + timedelta(minutes=1),
        "may_replay": access.may(request.membership, "webhooks.replay", request.team)
        and found.attempts < queue.MOST_ATTEMPTS,
        "too_old": found.created_at < queue.kept_since(timezone.now()),
    }


def _is_lost(attempt: Any, found: WebhookDelivery) -> bool:
    """Whether its worker went away before there was an answer."""
    current = attempt.number == found.attempts and found.is_in_hand
    return attempt.duration_ms is None and not current
