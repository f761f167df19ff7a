"""The operator's view of people, teams, keys and credits.

Money, keys and the audit log are read-only here: what an operator changes goes through accounts/operators.py, which
writes it into the team's log. No page shows a digest or a sealed secret.
"""

from accounts.admin import (  # noqa: F401
    keys,
    money,
    people,
    sales,
    teams,
)
from accounts.admin.base import ReadOnlyAdmin, operator

__all__ = ["ReadOnlyAdmin", "operator"]
