"""The web process starts by itself: what is imported first there is the middleware, and in the tests it is the models."""

import subprocess
import sys


def test_the_web_process_imports_everything_that_it_serves():
    subprocess.run([sys.executable, "-c", "import lipsyncweb.wsgi"], check=True, capture_output=True)
