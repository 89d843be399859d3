"""The row whose command is still to come: P12."""

from bench.measure import Figure, NotRun
from bench.shop import Bench, row


@row("P12", "`serve`: verify and capture", "a bare FastAPI handler")
def serving(bench: Bench) -> list[Figure]:
    """Verify and capture over the web, against a bare handler."""
    raise NotRun("there is no `serve` yet")
