"""People, teams, keys and credits. Dependencies point one way: users <- teams <- keys <- ledger."""

from accounts.models.keys import ApiKey
from accounts.models.ledger import Entry, Purse
from accounts.models.teams import Membership, Role, Team
from accounts.models.users import User

__all__ = ["ApiKey", "Entry", "Membership", "Purse", "Role", "Team", "User"]
