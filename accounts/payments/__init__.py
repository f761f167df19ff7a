"""Stripe: client.py asks it, inbound.py is called by it. What either hears becomes a call of accounts/sales/."""
