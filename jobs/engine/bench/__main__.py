import sys

from jobs.engine.bench.command import main

main(sys.argv[1:])
