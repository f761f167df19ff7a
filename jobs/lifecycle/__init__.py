"""The only state machine: each verb is one guarded UPDATE, an event row, its ledger call and after-commit work.

A verb whose UPDATE matches no row changes nothing and says so: somebody else won, and that is no error.
"""

from jobs.lifecycle.elsewhere import (
    adopt,
    hand_off,
    note_remote_end,
    note_remote_progress,
    note_send,
    postpone,
)
from jobs.lifecycle.ending import cancel, fail, fail_claimed, succeed
from jobs.lifecycle.sweeping import MAX_LOST_ATTEMPTS, fail_overdue, lose, requeue_expired
from jobs.lifecycle.taking import begin, claim_for, claim_next, claim_to_fetch, claim_to_sample, next_for
from jobs.lifecycle.working import heartbeat, price, ready, release

__all__ = [
    "MAX_LOST_ATTEMPTS",
    "adopt",
    "begin",
    "cancel",
    "claim_for",
    "claim_next",
    "claim_to_fetch",
    "claim_to_sample",
    "fail",
    "fail_claimed",
    "fail_overdue",
    "hand_off",
    "heartbeat",
    "lose",
    "next_for",
    "note_remote_end",
    "note_remote_progress",
    "note_send",
    "postpone",
    "price",
    "ready",
    "release",
    "requeue_expired",
    "succeed",
]
