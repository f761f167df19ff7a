"""Inviting to a team, and accepting."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access, audit, doors, teams
from accounts.forms.teams import InvitationForm
from accounts.models import Invitation
from accounts.teams import invitation_mail, invitations
from accounts.views.teams import page


@doors.team("team.manage")
@never_cache
@require_POST
def invitation_new(request: HttpRequest) -> HttpResponse:
    """By mail, or by a link that this answer alone shows."""
    form = InvitationForm(request.POST, actor=request.membership)
    if not form.is_valid():
        return page(request, invite=form, status=422)
    try:
        invitation, token = invitations.invite(
            actor=request.membership, who=audit.who(request), **form.cleaned_data
        )
    except teams.Refused as refusal:
        form.add_error(None, str(refusal))
        return page(request, invite=form, status=422)
    return _sent(request, invitation, token)


@doors.team("team.manage")
@never_cache
@require_POST
def invitation_renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it again, or show a fresh link; the earlier one ends."""
    try:
        invitation, token = invitations.renew(
            actor=request.membership, invitation_id=pk, who=audit.who(request)
        )
    except Invitation.DoesNotExist:
        raise Http404 from None
    except invitations.Over:
        messages.error(request, _("This invitation was used or revoked. Make a new one."))
        return redirect("team")
    except teams.Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("team")
    return _sent(request, invitation, token)


@doors.team("team.manage")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks, then ends an invitation."""
    invitation = get_object_or_404(invitations.pending(request.team), pk=pk)
    access.require(request.membership, access.to_place(invitation.role), request.team)
    if request.method != "POST":
        return render(request, "accounts/invitation_revoke.html", {"invitation": invitation})
    invitations.revoke(actor=request.membership, invitation_id=pk, who=audit.who(request))
    messages.success(request, _("The invitation is revoked, and its link opens nothing any more."))
    return redirect("team")


def _sent(request: HttpRequest, invitation: Invitation, token: str) -> HttpResponse:
    if not invitation.email:
        return page(request, link=invitation_mail.link(token), invitation=invitation)
    if invitation_mail.send(invitation, token, inviter=request.user):
        messages.success(
            request, _("The invitation is on its way to %(address)s.") % {"address": invitation.email}
        )
        return redirect("team")
    return page(request, link=invitation_mail.link(token), invitation=invitation, unsent=True)


@doors.public
@never_cache
@require_safe
def join_link(request: HttpRequest, token: str) -> HttpResponse:
    """Takes the token out of the address, so that no history, log or Referer of the next page has it.

    Changes nothing but this browser's session: mail scanners open links, too.
    """
    request.session.pop(invitations.SESSION_KEY, None)
    found = invitations.find(invitations.digest(token))
    if found is not None:
        request.session[invitations.SESSION_KEY] = found.digest
    answer = redirect("join")
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@doors.public
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Who invites to what; POST accepts."""
    token_digest = request.session.get(invitations.SESSION_KEY, "")
    if request.method != "POST":
        return _join_page(request, token_digest)
    if "other" in request.POST:
        return _as_somebody_else(request, token_digest)
    if not request.user.is_authenticated:
        return redirect(_with_next("account_login"))
    try:
        seat = invitations.accept(token_digest=token_digest, user=request.user, who=audit.who(request))
    except (invitations.Over, invitations.NotYours, invitations.AlreadyIn):
        return _join_page(request, token_digest)
    del request.session[invitations.SESSION_KEY]
    messages.success(
        request,
        _("Welcome to %(team)s. What you make from now on belongs to it.") % {"team": seat.team},
    )
    return redirect("team")


def _join_page(request: HttpRequest, token_digest: str) -> HttpResponse:
    """The invitation as it now stands with this visitor: its state, and with it the answer's status."""
    invitation = invitations.find(token_digest)
    seat = None
    if invitation and request.user.is_authenticated:
        seat = next((each for each in request.memberships if each.team_id == invitation.team_id), None)
    if invitation is None:
        state, status = "unknown", 404
    elif seat is not None:
        state, status = "inside", 200
    elif not invitation.is_open or not invitation.team.is_open:
        state, status = "over", 410
    elif request.user.is_authenticated and not invitations.is_for(invitation, request.user):
        state, status = "other", 403
    else:
        state, status = "open", 200
    context = {
        "invitation": invitation,
        "state": state,
        "seat": seat,
        "login_url": _with_next("account_login"),
        "signup_url": _with_next("account_signup", email=invitation.email if invitation else ""),
    }
    return render(request, "accounts/join.html", context, status=status)


def _as_somebody_else(request: HttpRequest, token_digest: str) -> HttpResponse:
    """Sign out, which forgets the session, and come back with another account."""
    get_adapter().logout(request)
    request.session[invitations.SESSION_KEY] = token_digest
    return redirect(_with_next("account_login"))


def _with_next(name: str, **beside: str) -> str:
    query = {"next": reverse("join"), **{key: value for key, value in beside.items() if value}}
    return f"{reverse(name)}?{urlencode(query)}"
