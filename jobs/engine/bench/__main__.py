import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy loads: as the render process has it

from jobs.engine.bench.command import main

main(sys.argv[1:])
