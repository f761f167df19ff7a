"""The last jobs of a key, for its page: accounts know nothing of jobs."""

from typing import Any

from django import template

from accounts.models import ApiKey
from jobs import queries

register = template.Library()

MOST = 10


@register.inclusion_tag("jobs/_key_jobs.html")
def last_jobs(key: ApiKey) -> dict[str, Any]:
    return {"jobs": queries.last_of_key(key, limit=MOST)}
