"""Figures about the engine, each from one command; `command.py` lists them. No part of a render."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy loads: as the render process has it
