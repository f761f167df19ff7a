"""What a site on one machine makes for itself on its first start."""

import os
import secrets
from pathlib import Path


def local_secret(path: Path) -> str:
    """Return the secret kept in `path`, making it on the first call; readable by its owner only.

    Several processes may start at once: the name appears only with its whole content, and the first wins.
    """
    if path.exists():
        return path.read_text().strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(50))
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return path.read_text().strip()
