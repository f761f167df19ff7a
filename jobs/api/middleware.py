"""Never HTML under /api/: what Django itself refuses there is answered as the error document."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from jobs.api.errors import answer_status

KEPT_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class JsonErrorsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not f"{request.path_info}/".startswith("/api/") or response.status_code < 400:
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        kept = {name: response[name] for name in KEPT_HEADERS if name in response}
        return answer_status(response.status_code, headers=kept)
