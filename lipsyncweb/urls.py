"""The URL map."""

from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import FileResponse, Http404, HttpRequest
from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from accounts import doors
from jobs import samples
from jobs.api.site import api
from jobs.files import input_file, poster_file, result_file
from jobs.webhooks.inbound import provider_webhook


@doors.public
@require_safe
@cache_control(public=True, max_age=3600)
def sample(request: HttpRequest, name: str) -> FileResponse:
    if name not in samples.CONTENT_TYPES:
        raise Http404
    return FileResponse(samples.find(name).open("rb"), content_type=samples.CONTENT_TYPES[name])


# The operator signs in like everybody: with the limits on guessing, and the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
# Their stock pages show what a second factor, or a login at another service, is made of; that of the sessions searches
# by a user name, which nobody has here.
admin.site.unregister([Authenticator, SocialApp, SocialToken, UserSession])

urlpatterns = [
    path("", include("jobs.urls")),
    path("", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", api.urls),
    path("files/<uuid:job_id>/<str:signature>.mp4", result_file, name="file"),
    path("files/<uuid:job_id>/<str:signature>.jpg", poster_file, name="poster"),
    path("inputs/<str:token>", input_file, name="input"),
    path("webhooks/provider/<str:token>", provider_webhook, name="provider_webhook"),
    path("samples/<str:name>", sample, name="sample"),
    path("operator/", admin.site.urls),
]
