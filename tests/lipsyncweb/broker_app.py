"""A small Celery app over the broker of files, run by a real worker. `BROKER_FOLDER` says where."""

import os
from pathlib import Path

from celery import Celery

from lipsyncweb import broker

FOLDER = Path(os.environ["BROKER_FOLDER"])

broker.register()
app = Celery("broker_app", broker="lipsyncfs://")
app.conf.update(
    broker_transport_options=broker.options(FOLDER),
    task_default_queue="light",
    task_ignore_result=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)


@app.task
def note(word: str) -> None:
    with (FOLDER / "notes").open("a") as file:
        file.write(word + "\n")
