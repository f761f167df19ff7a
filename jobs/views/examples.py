"""Code that the pages show, with this site's address in it. Each runs as it stands once KEY holds a key."""

import functools
import json
from typing import NamedTuple

from django.conf import settings

from jobs.api.schema import JOB_EXAMPLE

LOCAL = "http://localhost:8000"  # what the programs of docs/examples/ call


class Example(NamedTuple):
    name: str
    text: str


def submit_with_curl(site: str) -> str:
    return f"""curl {site}/api/v1/lipsync-image \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "formState": {{
      "image": "{site}/samples/portrait.png",
      "audio": "{site}/samples/speech.wav",
      "resolution": "480p"
    }}
  }}'"""


def repeat_with_curl(site: str) -> str:
    return f"""curl {site}/api/v1/lipsync-image \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -H "Idempotency-Key: order-1042" \\
  -d '{{
    "reference": "order-1042",
    "metadata": {{"customer": 17}},
    "provider": "embedded",
    "formState": {{
      "image": "{site}/samples/portrait.png",
      "audio": "{site}/samples/speech.wav"
    }}
  }}'"""


def poll_with_curl(site: str) -> str:
    return f"""curl {site}/api/v1/jobs/$ID -H "Authorization: Bearer $KEY\""""


def submit(site: str) -> list[Example]:
    return [
        Example("curl", submit_with_curl(site)),
        Example("Python", read("submit.py", site)),
        Example("JavaScript", read("submit.mjs", site)),
        Example("Go", read("submit.go", site)),
    ]


def verify() -> list[Example]:
    """Receivers that check a webhook's signature by themselves."""
    return [
        Example("Python", read("webhook.py")),
        Example("JavaScript", read("webhook.mjs")),
        Example("Go", read("webhook.go")),
    ]


def read(name: str, site: str = LOCAL) -> str:
    """A program of docs/examples/ with this site's address in place of a local clone's."""
    return _text(name).replace(LOCAL, site)


@functools.cache
def _text(name: str) -> str:
    return (settings.BASE_DIR / "docs" / "examples" / name).read_text().rstrip()


def estimate_with_curl(site: str) -> str:
    return f"""curl {site}/api/v1/lipsync-image/estimate \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "seconds": {{"audio": 12.5}},
    "formState": {{
      "image": "https://example.com/portrait.png",
      "audio": "https://example.com/speech.mp3"
    }}
  }}'"""


def upload_with_curl(site: str) -> str:
    return f"""curl {site}/api/v1/uploads -H "Authorization: Bearer $KEY" \\
  -F kind=image -F file=@portrait.png"""


def list_with_curl(site: str) -> str:
    return f"""curl "{site}/api/v1/jobs?reference=order-1042&status=completed&limit=5" \\
  -H "Authorization: Bearer $KEY\""""


def cancel_with_curl(site: str) -> str:
    return f"""curl -X POST {site}/api/v1/jobs/$ID/cancel -H "Authorization: Bearer $KEY\""""


def answer() -> str:
    """The job document, as OpenAPI shows it."""
    return json.dumps(JOB_EXAMPLE, indent=2)


ERROR = json.dumps(
    {
        "error": "formState.audio is required.",
        "code": "invalid",
        "fields": [
            {"field": "formState.audio", "code": "required", "message": "formState.audio is required."}
        ],
    },
    indent=2,
)
