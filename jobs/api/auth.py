"""Who calls: an API key in the Authorization header, and nothing else."""

from django.db.models import Exists, OuterRef, Subquery, TextField, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts import audit, keys
from accounts.models import ApiKey
from jobs import connections
from jobs.api import limits
from jobs.models import WebhookSettings

# Read with the key, so that a submit needs no query of its own: where its webhook goes if it names no address, and
# whether there is anybody else to make it.
DEFAULT_WEBHOOK = Coalesce(
    Subquery(WebhookSettings.objects.filter(team=OuterRef("team")).values("url")),
    Value(""),
    output_field=TextField(),
)
HAS_CONNECTIONS = Exists(connections.usable(OuterRef("team")))
FOR_A_SUBMIT = {"default_webhook": DEFAULT_WEBHOOK, "has_connections": HAS_CONNECTIONS}


class KeyAuth(HttpBearer):
    """`Authorization: Bearer sk_XXXX_YYYY`."""

    openapi_name = "key"

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        beside = FOR_A_SUBMIT if request.method == "POST" else {}
        key = limits.admit(request, lambda: keys.authenticate(token, **beside))
        if key:
            keys.note_use(key, address=audit.address_of(request))
        return key


def key_of(request: HttpRequest) -> ApiKey:
    """The key that a request was authenticated by."""
    key: ApiKey = request.auth  # type: ignore[attr-defined]
    return key
