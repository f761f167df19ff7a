"""On a local site, the mail that it kept instead of sending."""

from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import doors, outbox


@doors.public
@never_cache
@require_safe
def mail_outbox(request: HttpRequest) -> HttpResponse:
    """Kept mail. Readable before login, since a confirmation must be; so on a local site and from this machine only."""
    if not settings.LOCAL or not _from_this_machine(request):
        raise Http404
    return render(request, "accounts/outbox.html", {"mails": outbox.latest(Path(settings.EMAIL_FILE_PATH))})


def _from_this_machine(request: HttpRequest) -> bool:
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
