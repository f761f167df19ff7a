"""People, teams, keys, credits and the audit log.

Dependencies point one way: users <- teams <- keys <- ledger, audit.
"""

from accounts.models.audit import AuditEvent
from accounts.models.keys import ApiKey
from accounts.models.ledger import Entry, Purse
from accounts.models.teams import Invitation, Membership, Role, Team
from accounts.models.users import User

__all__ = ["ApiKey", "AuditEvent", "Entry", "Invitation", "Membership", "Purse", "Role", "Team", "User"]
