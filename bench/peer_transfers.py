"""Whole transfers by other people's books: `python peer_transfers.py NAME JSON`, in a virtual environment of that book's own.

Each runs on the versions it wants; `timebank` is ours, in our own environment, under the same loop. A transfer moves 1 from one
account to another by the library's own way of doing it, one or several in a durable transaction; making accounts and a first
transaction are not measured.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

Pairs = list[tuple[int, int]]
"""Transfers by the places of their accounts: from, to."""
Desk = Callable[[Pairs], object]
"""Does several transfers in one durable transaction."""


def hordak(url: str, accounts: int) -> Desk:
    """django-hordak: `Account.transfer_to` in `transaction.atomic`; its triggers keep the sums."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from psycopg.conninfo import conninfo_to_dict

    place = conninfo_to_dict(url)
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": place["dbname"], "USER": place.get("user", "")}
    database |= {name.upper(): str(place[name]) for name in ("password", "host", "port") if name in place}
    settings.configure(
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "mptt", "hordak"],
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    made = [
        Account.objects.create(name=f"Member {n}", type=Account.TYPES.asset, code=str(n), currencies=["EUR"])
        for n in range(accounts)
    ]
    one = Money(1, "EUR")

    def transfer(pairs: Pairs) -> None:
        with transaction.atomic():
            for source, target in pairs:
                made[source].transfer_to(made[target], one)

    return transfer


def piecash(url: str, accounts: int) -> Desk:
    """piecash, GnuCash's books: a Transaction of two Splits, `book.save()` after each."""
    import piecash as gnucash

    book = gnucash.create_book(uri_conn=url, currency="EUR", overwrite=True)
    euro = book.default_currency
    made = [gnucash.Account(f"Member {n}", "ASSET", euro, parent=book.root_account) for n in range(accounts)]
    book.save()

    def transfer(pairs: Pairs) -> None:
        for source, target in pairs:
            splits = [
                gnucash.Split(account=made[target], value=Decimal(1)),
                gnucash.Split(account=made[source], value=Decimal(-1)),
            ]
            gnucash.Transaction(currency=euro, description="gift", splits=splits)
        book.save()

    return transfer


def python_accounting(url: str, accounts: int) -> Desk:
    """python-accounting: a JournalEntry with one line, posted to its ledger."""
    from python_accounting.config import config

    config.configure_database(url.replace("postgresql:", "postgresql+psycopg2:", 1))
    from python_accounting.database.database_init import engine
    from python_accounting.database.session import get_session
    from python_accounting.models import Account, Base, Currency, Entity, LineItem
    from python_accounting.transactions import JournalEntry

    Base.metadata.create_all(engine)
    session = get_session(engine)
    entity = Entity(name="Community")
    session.add(entity)
    session.commit()
    currency = Currency(name="Euro", code="EUR", entity_id=entity.id)
    session.add(currency)
    session.commit()
    made = []
    for n in range(accounts):
        made.append(
            Account(name=f"Member {n}", account_type=Account.AccountType.BANK, currency_id=currency.id, entity_id=entity.id)
        )
        session.add(made[-1])
        session.flush()
    session.commit()
    numbers, whose, day = [account.id for account in made], entity.id, datetime.now(UTC).replace(tzinfo=None)

    def transfer(pairs: Pairs) -> None:
        for source, target in pairs:  # its ledger commits each by itself
            entry = JournalEntry(narration="gift", transaction_date=day, account_id=numbers[source], entity_id=whose)
            session.add(entry)
            session.flush()
            line = LineItem(narration="gift", account_id=numbers[target], amount=Decimal(1), entity_id=whose)
            session.add(line)
            session.flush()
            entry.line_items.add(line)
            session.add(entry)
            entry.post(session)

    return transfer


def timebank(url: str, accounts: int) -> Desk:
    """Ours: `ledger.post_all`, with floors, lots, payloads, leaves and the log's head."""
    from bench.books import MOMENT
    from bench.desks import Office, found
    from timebank import ledger
    from timebank.base import db
    from timebank.journal import Draft, Transfer

    office = Office(url.replace("postgresql:", "postgresql+psycopg:", 1), 1, accounts, MOMENT)
    found(office)
    engine, numbers = db.open_engine(office.url), count()

    def gift(source: int, target: int) -> Draft:
        moved = Transfer("points", 1, f"member:{source + 1}", "available", f"member:{target + 1}", "available")
        return Draft("points.gift", office.today, (moved,))

    def transfer(pairs: Pairs) -> None:
        with db.writing(engine) as session:
            ledger.post_all(session, office.act(1, f"gifts-{next(numbers)}"), [gift(*pair) for pair in pairs])

    return transfer


PEERS: dict[str, Callable[[str, int], Desk]] = {
    "timebank": timebank,
    "django-hordak": hordak,
    "piecash": piecash,
    "python-accounting": python_accounting,
}


def main(name: str, given: str) -> None:
    """Make the accounts, then measure so many transfers, so many a transaction; print the seconds as JSON."""
    wanted: dict[str, Any] = json.loads(given)
    accounts, transfers, at_once = wanted["accounts"], wanted["transfers"], wanted["at_once"]
    desk = PEERS[name](wanted["url"], accounts)
    pairs = [(n * 7 % accounts, (n * 7 + accounts // 2) % accounts) for n in range(transfers)]
    desk(pairs[:at_once])
    begun = time.perf_counter()
    for first in range(0, transfers, at_once):
        desk(pairs[first : first + at_once])
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - begun}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
