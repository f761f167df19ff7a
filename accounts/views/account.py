"""Pages about the person who is signed in that allauth does not have, and the choice of a language."""

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import check_for_language, get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language as stock_set_language

from accounts import doors
from accounts.forms.profile import ProfileForm
from accounts.models import User


@doors.personal
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name and language."""
    initial = {"language": request.user.language or get_language()}
    form = ProfileForm(request.POST or None, instance=request.user, initial=initial)
    if not form.is_valid():
        return render(request, "account/profile.html", {"form": form})
    user = form.save()
    answer = redirect("account_profile")
    _choose(answer, user.language)
    with override(user.language):
        messages.success(request, _("Saved."))
    return answer


@doors.personal
@require_POST
def session_end(request: HttpRequest, pk: int) -> HttpResponse:
    """Sign out one of the person's own sessions; the present one by the way that everybody knows."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    if session.session_key == request.session.session_key:
        return redirect("account_logout")
    session.end()
    messages.success(request, _("That session is signed out."))
    return redirect("usersessions_list")


@doors.public
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Django's own view, which also remembers the choice for the mail to a person who is signed in."""
    language = request.POST.get("language", "")
    if (
        request.user.is_authenticated
        and language in dict(settings.LANGUAGES)
        and check_for_language(language)
    ):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return stock_set_language(request)


def _choose(answer: HttpResponse, language: str) -> None:
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )
