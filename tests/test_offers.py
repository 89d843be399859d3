"""Offers: who gives what, from when to when; written once."""

from datetime import date

import pytest
from sqlmodel import select

from conftest import Book
from shopping import TEN_POINTS_A_YUAN, TENTH_OFF, YEAR, add_offer
from timebank import offers
from timebank.base.errors import Conflict, Invalid, NotFound, Refused, TimebankError
from timebank.benefits import Discount, Terms
from timebank.journal import Entry, Posting
from timebank.ledger import facts_of
from timebank.people.merchants import Merchant


@pytest.mark.parametrize("terms", [TEN_POINTS_A_YUAN, TENTH_OFF, Discount(500, 100, 20)])
def test_an_offer_comes_back_as_it_was_given(book: Book, terms: Terms) -> None:
    (shop,) = book.shop("S001")
    added = add_offer(book, terms)
    with book.read() as session:
        found = offers.find(session, 1, added.id)
    assert (found.terms, found.merchant_id, found.valid_from, found.valid_to) == (terms, shop.id, *YEAR)


def test_offers_are_numbered_from_one(book: Book) -> None:
    book.shop("S001", "S002")
    add_offer(book)
    add_offer(book, merchant="s2")
    with book.read() as session:
        assert [(offer.id, offer.merchant_id) for offer in offers.listed(session, 1)] == [(1, 1), (2, 2)]


def test_an_offer_s_terms_are_in_the_book_without_postings(book: Book) -> None:
    book.shop("S001")
    added = add_offer(book, TENTH_OFF)
    with book.read() as session:
        entry = session.get_one(Entry, (1, added.seq))
        assert (entry.kind, entry.subject, entry.business_date) == ("offer.add", "offer:1", book.today)
        assert facts_of(entry.payload) == {
            "merchant": 1,
            "kind": "discount",
            "terms": {"off_bp": 1_000, "max_fen": 2_000, "points": 50, "min_spend_fen": 3_000},
            "valid_from": "2026-01-01",
            "valid_to": "2026-12-31",
        }
        assert session.exec(select(Posting).where(Posting.seq == added.seq)).all() == []


def test_the_same_key_adds_one_offer(book: Book) -> None:
    book.shop("S001")
    assert add_offer(book, key="once").id == add_offer(book, key="once").id == 1
    with pytest.raises(Conflict) as conflict:
        add_offer(book, TENTH_OFF, key="once")
    assert conflict.value.code == "exists_with_different_content"
    with book.read() as session:
        assert len(offers.listed(session, 1)) == 1


def refused(book: Book, **wish: object) -> str:
    with pytest.raises(TimebankError) as refusal:
        add_offer(book, **wish)  # type: ignore[arg-type]
    return refusal.value.code


def test_impossible_offers_are_refused(book: Book) -> None:
    book.shop("S001")
    assert refused(book, merchant="S009") == "unknown_merchant"
    assert refused(book, terms=Discount(1_000, None, 50)) == "no_maximum"
    assert refused(book, valid=(date(2026, 12, 31), date(2026, 12, 30))) == "bad_dates"
    assert refused(book, valid=(date(2026, 1, 1), date(2026, 10, 19))) == "offer_over"
    with book.read() as session:
        assert offers.listed(session, 1) == []


def test_an_offer_may_last_only_today(book: Book) -> None:
    book.shop("S001")
    assert add_offer(book, valid=(book.today, book.today)).id == 1


def test_a_merchant_that_left_offers_nothing(book: Book) -> None:
    book.shop("S001")
    with book.write() as session:
        session.get_one(Merchant, (1, 1)).state = "left"
    assert refused(book) == "merchant_inactive"


@pytest.mark.parametrize("number", [2, 0, -1, 10**30])
def test_an_unknown_offer_is_not_found(book: Book, number: int) -> None:
    book.shop("S001")
    add_offer(book)
    with pytest.raises(NotFound) as missing, book.read() as session:
        offers.find(session, 1, number)
    assert missing.value.code == "unknown_offer"


def test_an_offer_speaks_from_its_first_to_its_last_day(book: Book) -> None:
    book.shop("S001")
    offer = add_offer(book)
    offers.check_valid(offer, YEAR[0])
    offers.check_valid(offer, YEAR[1])
    for day, code in ((date(2025, 12, 31), "offer_not_yet"), (date(2027, 1, 1), "offer_over")):
        with pytest.raises(Refused) as refusal:
            offers.check_valid(offer, day)
        assert refusal.value.code == code


def test_terms_are_checked_before_anything_is_written(book: Book) -> None:
    book.shop("S001")
    with pytest.raises(Invalid) as refusal:
        add_offer(book, Discount(1_000, 10**30, 50))
    assert refusal.value.code == "bad_maximum"
