import os
import time

import requests

api = requests.Session()
api.headers["Authorization"] = f"Bearer {os.environ['KEY']}"
base = "http://localhost:8000/api/v1"

answer = api.post(
    f"{base}/lipsync-image",
    json={
        "formState": {
            "image": "http://localhost:8000/samples/portrait.png",
            "audio": "http://localhost:8000/samples/speech.wav",
        },
    },
    timeout=30,
)
answer.raise_for_status()
job = answer.json()

while job["status"] == "processing":
    time.sleep(2)
    job = api.get(f"{base}/jobs/{job['id']}", timeout=30).json()

print(job["output"] or job["error"])
