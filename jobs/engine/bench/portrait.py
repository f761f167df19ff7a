"""The one real face that every installation has."""

import importlib.util
from pathlib import Path


def portrait() -> Path:
    """Eileen Collins, by NASA, 512 x 512, public domain. scikit-image itself would want scipy: it is not imported."""
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise FileNotFoundError("scikit-image is not installed, so there is no portrait. Run make run.")
    return Path(found.origin).parent / "data" / "astronaut.png"
