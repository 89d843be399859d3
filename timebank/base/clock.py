"""The one place that reads the clock: the door's, for the act of a command."""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
