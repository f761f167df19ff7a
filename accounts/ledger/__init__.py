"""The only writer of credits.

Every operation is a guarded UPDATE of the balance first, then its line: a pair (change of available, change of
reserved). A repeated operation (the same kind and reference) is a quiet no-op, so that a retry after a cut
connection is safe. References are unique in the whole ledger, so they name what they are for:

| kind | pair | reference |
|---|---|---|
| grant | (+n, 0) | `start:<keyed digest of an address>:<kind>`, `operator:<team>:<kind>:<the operator's own>` |
| purchase | (+n, 0) | `purchase:<id>` |
| reserve | (-n, +n) | `job:<id>:minimum` or `job:<id>:exact`, then `job:<id>:exact:<attempt>` |
| charge | (0, -n) | `job:<id>` |
| give_back | (+n, -n) | `job:<id>`, or `job:<id>:exact:<attempt>` where the exact price is lower |
| adjust | (+-n, 0) | `operator:<a new one>`, and of a dispute that was won as the refund that it undoes |
| refund | (-n, 0), n may be 0 | `refund:<purchase>:<sum>`, `dispute:<purchase>:<dispute>` |
| expire | (-n, 0) | `expire:<entry>`, and `expire:<entry>:<2, 3, ...>` for what came back later |

Locks are taken in one order, the key's row before the purse's (and a job's row before both, by its state
machine), so that no two writers wait for each other; whoever needs a key's row longer than for one UPDATE takes
it with `select_for_update(no_key=True)`, which lets the lines that name the key in.
"""

from accounts.ledger.counting import counts_credits, that_count_credits
from accounts.ledger.errors import (
    BelowZero,
    CannotPay,
    KeyLimitReached,
    NotEnoughCredits,
    SpendingCapReached,
)
from accounts.ledger.expiry import Expiring, expire_credits, expiring
from accounts.ledger.limits import (
    count_for_key,
    low_purses,
    note_alerted,
    rearm_alerts,
    set_limits,
    unnote_alerted,
)
from accounts.ledger.operations import (
    Refunded,
    adjust,
    charge,
    give_back,
    grant,
    purchase,
    refund,
    reserve,
    reserve_new,
)
from accounts.ledger.purses import Balances, balances, entries, new_reference, open_purses
from accounts.ledger.writing import MOST, Overtaken, Source

__all__ = [
    "MOST",
    "Balances",
    "BelowZero",
    "CannotPay",
    "Expiring",
    "KeyLimitReached",
    "NotEnoughCredits",
    "Overtaken",
    "Refunded",
    "Source",
    "SpendingCapReached",
    "adjust",
    "balances",
    "charge",
    "count_for_key",
    "counts_credits",
    "entries",
    "expire_credits",
    "expiring",
    "give_back",
    "grant",
    "low_purses",
    "new_reference",
    "note_alerted",
    "open_purses",
    "purchase",
    "rearm_alerts",
    "refund",
    "reserve",
    "reserve_new",
    "set_limits",
    "that_count_credits",
    "unnote_alerted",
]
