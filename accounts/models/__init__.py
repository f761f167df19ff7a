"""People, teams, keys, credits and the audit log.

Dependencies point one way: users <- teams <- keys <- ledger, audit; ledger <- sales.
"""

from accounts.models.audit import AuditEvent
from accounts.models.keys import ApiKey
from accounts.models.ledger import Entry, Purse
from accounts.models.sales import Pack, PaymentEvent, Purchase
from accounts.models.teams import Invitation, Membership, Role, Team
from accounts.models.users import User

__all__ = [
    "ApiKey",
    "AuditEvent",
    "Entry",
    "Invitation",
    "Membership",
    "Pack",
    "PaymentEvent",
    "Purchase",
    "Purse",
    "Role",
    "Team",
    "User",
]
