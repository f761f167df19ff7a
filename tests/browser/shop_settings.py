"""The product's own settings, with a stand-in where Stripe's servers are."""

import os

from lipsyncweb.settings import *  # noqa: F403

STRIPE_API_BASE = STRIPE_CHECKOUT = os.environ["STAND_IN_FOR_STRIPE"]
