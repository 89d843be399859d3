"""A volunteer time bank and community-points ledger that anyone can check."""

__version__ = "0.1.0"
