"""A client in Python's standard library alone.   BASE_URL=… API_KEY=sk_… python client.py [portrait.mp4]

Prints the finished job as one JSON line and saves its video.
"""

import json
import os
import shutil
import sys
import time
import urllib.request

BASE_URL = os.environ.get("BASE_URL", "http://localhost:8000")
HEADERS = {"Authorization": f"Bearer {os.environ['API_KEY']}", "Content-Type": "application/json"}


def call(path: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(BASE_URL + path, data, HEADERS), timeout=60) as answer:
        return json.load(answer)


def main(output: str) -> int:
    media = {"image": f"{BASE_URL}/samples/portrait.png", "audio": f"{BASE_URL}/samples/speech.wav"}
    submitted = call("/api/v1/lipsync-image", {"formState": media})
    job = submitted
    while job["status"] == "processing":
        time.sleep(1)
        job = call(f"/api/v1/jobs/{submitted.get('id') or submitted['requestId']}")
    sys.stdout.write(json.dumps(job) + "\n")
    if job["status"] != "completed":
        return 1
    with urllib.request.urlopen(job["output"], timeout=60) as answer, open(output, "wb") as file:
        shutil.copyfileobj(answer, file)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ["talking-portrait.mp4"]))
