"""Paths under /api/ and /webhooks/ answer the same with or without a trailing slash."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

PREFIXES = ("/api/", "/webhooks/")


class OptionalSlashMiddleware:
    """Drop a trailing slash before routing. Django's own setting redirects, and a redirected POST loses its body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.startswith(PREFIXES) and path.endswith("/") and path not in PREFIXES:
            request.path_info = path.rstrip("/")
            request.path = request.path.rstrip("/")
        return self.get_response(request)
