"""The web process starts by itself: it imports the middleware first, and the tests the models."""

import subprocess
import sys


def test_the_web_process_imports_everything_that_it_serves():
    subprocess.run([sys.executable, "-c", "import lipsyncweb.wsgi"], check=True, capture_output=True)
