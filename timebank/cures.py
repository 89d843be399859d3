"""What to do about a row that was refused, by its code: the clerk who gets a sheet back with forty of them reads each one's.

A code that two nouns refuse for different reasons has a cure for each. Pure; sentences only.
"""

from collections.abc import Mapping

from timebank.base.errors import Finding
from timebank.base.i18n import Say, say

_ANOTHER_REF = say("Use the number of its slip or list as a ref, or leave the ref empty.")
_SECOND_PERSON = say("Let another clerk be the second person, or leave it for another sheet.")
_KEPT_ONCE = say("Add them up in one row; what was brought in earlier is taken back with timebank points reverse.")

CURES: Mapping[str, Say] = {
    # who
    "unknown_member": say("Look the number up with timebank member list; register a newcomer first, with timebank member add."),
    "other_name": say("Is it the number or the name that is wrong? Look with timebank member show, and correct it."),
    "self_confirmation": _SECOND_PERSON,
    "unknown_team": say("Look the number up with timebank team list, or leave the team empty."),
    "before_founding": say("Correct the day or the team, or leave the team empty."),
    # when
    "future_date": say("Correct the day, or enter it when that day has come."),
    "before_joining": say("Correct the day or the number: the day of joining stands in timebank member show."),
    "overlap": say("Correct the times; leave it out if it is the same service (timebank hours list --member shows it)."),
    "bad_span": say("Write start and end on the 24-hour clock like 14:00-15:30; a service past midnight takes two rows."),
    "day_too_long": say("A day has 1440 minutes: look for a digit too many, or for a row that stands there twice."),
    "no_rules": say("Correct the day, or publish a rule book for it: timebank rules publish FILE --retroactive REASON."),
    # what
    "other_content": say("Correct what was recorded with timebank hours correct, or give this one a ref of its own."),
    "other_content credits": say("Take the other entry back with timebank points reverse, or give this one a ref of its own."),
    "other_content opening": say("Take the other one back with timebank points reverse, then bring this one in."),
    "bad_ref": _ANOTHER_REF,
    "bad_kind": say("Write one of these words, or leave it empty: then it counts as confirmed."),
    "bad_confirmer": say("Write one of these words, or leave it empty."),
    "bad_team_size": say("Write how many people served together, or leave it empty."),
    "bad_category": say("Write a category of the rule book: timebank rules show."),
    "bad_programme": say("Write the programme's short name, or leave it empty; people and addresses do not belong there."),
    "bad_activity_no": say("Write the office's number of the activity, or leave it empty."),
    # credits and balances from before the book
    "bad_credits": say("Write another number of credits."),
    "no_category": say("Write what the credits are for, as the rule book names it: timebank rules show."),
    "nothing_there": say("Leave the row out, or write what the member had."),
    "too_much": say("Look for a digit too many, or for two numbers in one cell."),
    "lapsed_already": say("Leave the row out: what has lapsed is not brought in."),
    "minutes_twice": _KEPT_ONCE,
    "credits_twice": _KEPT_ONCE,
    "twice_in_file opening": say("Add them up in one row."),
    # newcomers
    "bad_number": say("Use 1 to 32 letters A-Z, digits, and . _ -, or leave it empty for the next free number."),
    "personal_number": say("Use a number of the office's own, or leave it empty for the next free number."),
    "no_name": say("Write the name."),
    "number_taken": say("Use another number, or none for the next free one; if they are the same, write all as it is kept."),
    "twice_in_file": say("Leave one of the rows out, or give the other a number of its own."),
    "plaque_taken": say("Compare with the plaque at the door; leave it empty if the shop has none yet."),
    "unknown_market": say("Write the market into a row above its stalls, or look its number up with timebank merchant list."),
    "bad_birth_date": say("Look at both days, that of birth and that of joining, and correct the wrong one."),
    "other_birth_date": say("Compare both with the identity card, and correct the row or leave its birth date empty."),
    # cells that cannot be read
    "error_cell": say("Correct the formula in the workbook, or type the value over it."),
    "formula_without_value": say("Open the workbook once in Excel or WPS and save it, or type the value over the formula."),
    "rounded_number": say("Make the column text, and type the number again from the paper."),
    "merged_cell": say("Unmerge the cells, and write each row its own."),
    "cell_too_long": say("Shorten it: one cell, one thing."),
    "too_many_cells": say(
        "Is there a comma inside a cell? Put the cell into quotation marks, or save the sheet as a workbook."
    ),
    "other_total": say("Look for missing and doubled rows above it, or correct the total."),
}


def of(code: str, noun: str = "") -> Say | None:
    """The cure of a code, that of the noun where it has one of its own; None for a code that no row is refused with."""
    return CURES.get(f"{code} {noun}") or CURES.get(code)


def refused(row: int, problem: tuple[str, Say], noun: str = "") -> Finding:
    """A refused row of a sheet (0: typed by hand) as a finding with its cure; `problem` is its code and sentence."""
    code, message = problem
    return Finding(f"row {row}", code, message, row, of(code, noun))
