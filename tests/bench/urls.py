"""The product's URL map, and beside it the views of tests/bench/minimal.py."""

from django.urls import path

from lipsyncweb.urls import urlpatterns as product
from tests.bench import minimal

urlpatterns = [
    path("api/bench/empty", minimal.empty),
    path("api/bench/jobs/<uuid:job_id>", minimal.job),
    path("api/bench/submit", minimal.submit),
    *product,
]
