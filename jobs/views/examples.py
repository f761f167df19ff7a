"""Code that the pages show, with this site's address in it. Each runs as it stands once KEY holds a key."""

import json
from typing import NamedTuple


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
        Example("Python", _python(site)),
        Example("Node", _node(site)),
    ]


def _python(site: str) -> str:
    return f"""import os
import time

import requests

api = requests.Session()
api.headers["Authorization"] = f"Bearer {{os.environ['KEY']}}"
base = "{site}/api/v1"

answer = api.post(f"{{base}}/lipsync-image", json={{
    "formState": {{
        "image": "{site}/samples/portrait.png",
        "audio": "{site}/samples/speech.wav",
    }},
}})
answer.raise_for_status()
job = answer.json()

while job["status"] == "processing":
    time.sleep(2)
    job = api.get(f"{{base}}/jobs/{{job['id']}}").json()

print(job["output"] or job["error"])"""


def _node(site: str) -> str:
    return f"""const base = "{site}/api/v1";
const headers = {{
  Authorization: `Bearer ${{process.env.KEY}}`,
  "Content-Type": "application/json",
}};

const answer = await fetch(`${{base}}/lipsync-image`, {{
  method: "POST",
  headers,
  body: JSON.stringify({{
    formState: {{
      image: "{site}/samples/portrait.png",
      audio: "{site}/samples/speech.wav",
    }},
  }}),
}});
let job = await answer.json();

while (job.status === "processing") {{
  await new Promise((done) => setTimeout(done, 2000));
  job = await (await fetch(`${{base}}/jobs/${{job.id}}`, {{ headers }})).json();
}}
console.log(job.output || job.error);"""


def verify() -> list[Example]:
    """Checking a webhook's signature with the libraries of the Standard Webhooks project."""
    python = """from standardwebhooks import Webhook  # pip install standardwebhooks

def receive(request):
    # The body as it came, byte for byte: parse it only afterwards.
    job = Webhook(SECRET).verify(request.body, dict(request.headers))
    print(job["id"], job["status"], job["output"])"""
    node = """import { Webhook } from "standardwebhooks"; // npm install standardwebhooks express
import express from "express";

const app = express();
app.post("/webhook", express.raw({ type: "application/json" }), (request, response) => {
  const job = new Webhook(process.env.SECRET).verify(request.body.toString(), request.headers);
  console.log(job.id, job.status, job.output);
  response.sendStatus(200);
});
app.listen(4000);"""
    return [Example("Python", python), Example("Node", node)]


def answer(site: str) -> str:
    job = "0c7c9a4e-6f0e-4a54-9d25-6f2f6a1f3b52"
    return json.dumps(
        {
            "id": job,
            "model": "lipsync-image",
            "status": "completed",
            "output": f"{site}/files/{job}/….mp4",
            "error": "",
            "executionTime": 6120,
            "timings": {"warp": 3310, "encode": 1480},
        },
        indent=2,
        ensure_ascii=False,
    )


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
