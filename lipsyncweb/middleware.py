"""Paths under /api/ and /webhooks/ answer the same with or without a trailing slash; pages are compressed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

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


class CompressedPagesMiddleware(GZipMiddleware):
    """Pages alone: a video, a ZIP and a stream keep their lengths and ranges, and static files lie compressed.

    Django masks its CSRF tokens anew in each page and adds bytes at random, so that lengths tell nothing of them.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)
