"""Who calls: an API key in the Authorization header, and nothing else."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from accounts import keys
from accounts.models import ApiKey


class KeyAuth(HttpBearer):
    """`Authorization: Bearer sk_XXXX_YYYY`."""

    openapi_name = "key"

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        key = keys.authenticate(token)
        if key:
            keys.note_use(key)
        return key


def key_of(request: HttpRequest) -> ApiKey:
    """The key that a request was authenticated by."""
    key: ApiKey = request.auth  # type: ignore[attr-defined]
    return key
