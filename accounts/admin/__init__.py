"""The operator's view of people, teams, keys and credits.

Money, keys and the audit log are read-only here: what an operator changes goes through accounts/operators.py, which
writes it into the team's log. No page shows a digest or a sealed secret.
"""

from accounts import admin_sales  # noqa: F401  (each module registers its own)
from accounts.admin import keys, money, people, teams  # noqa: F401
from accounts.admin.base import ReadOnlyAdmin, operator

__all__ = ["ReadOnlyAdmin", "operator"]
