"""What holds for every path under /api/: never HTML, and HEAD and OPTIONS wherever there is something."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from jobs.api.errors import answer_status

KEPT_HEADERS = ("Allow", "Content-Language", "Retry-After", "Vary", "WWW-Authenticate")


class JsonErrorsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not f"{request.path_info}/".startswith("/api/"):
            return self.get_response(request)
        method = request.method
        if method == "HEAD":
            request.method = "GET"
        response = self.get_response(request)
        request.method = method
        if response.status_code == 405:
            response["Allow"] = _allowed(response.get("Allow", ""))
            if method == "OPTIONS":
                return _nothing(response["Allow"])
        return _without_body(_as_json(response)) if method == "HEAD" else _as_json(response)


def _allowed(methods: str) -> str:
    """What a path takes: HEAD wherever GET, and OPTIONS everywhere."""
    found = {name.strip() for name in methods.split(",") if name.strip()}
    return ", ".join(sorted(found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())))


def _nothing(allowed: str) -> HttpResponse:
    response = HttpResponse(status=204, headers={"Allow": allowed})
    del response["Content-Type"]
    return response


def _as_json(response: HttpResponseBase) -> HttpResponseBase:
    """What Django itself refused, as the error document."""
    if response.status_code < 400 or response.get("Content-Type", "").startswith("application/json"):
        return response
    kept = {name: response[name] for name in KEPT_HEADERS if name in response}
    refusal = answer_status(response.status_code, headers=kept)
    # Whoever sets it for others has had its turn.
    refusal["Content-Length"] = str(len(refusal.content))
    return refusal


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    if isinstance(response, HttpResponse):
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response
