"""What waits in the inbox, in the words that a second person needs to see before deciding: one function a kind."""

from base64 import b64decode
from collections.abc import Callable

from sqlmodel import Session

from timebank import complaints, disputes, hanging, refunds, reviews, rulebooks, services
from timebank.approvals import Approval
from timebank.base import communities
from timebank.base.i18n import Language, Say, say, text
from timebank.benefits import points_text, yuan
from timebank.commands import acceptance as acceptance_door
from timebank.commands import checkpoint
from timebank.commands import fund as fund_door
from timebank.commands import issuer as issuer_door
from timebank.commands import kin as kin_door
from timebank.commands import notice as notice_door
from timebank.commands import staff as staff_door
from timebank.commands.hours import FIELDS
from timebank.people import members
from timebank.services import clock

Told = Callable[[Session, Approval, Language], Say]
_CLOCKS = {"starts": say("from"), "ends": say("to")}


def about(session: Session, waits: Approval, lang: Language) -> str:
    """What is asked for: of hours whose, when and how long, else who gets what and why."""
    told = ABOUT.get(waits.kind)
    return text(told(session, waits, lang), lang) if told else waits.subject


def _acceptance(_session: Session, waits: Approval, _lang: Language) -> Say:
    decided = acceptance_door.DECISIONS[waits.asked["decision"]]
    return say("{number}: {decided}: {reason}", number=waits.asked["acceptance"], decided=decided, reason=waits.asked["reason"])


def _credits(_session: Session, waits: Approval, _lang: Language) -> Say:
    return say("{credits} credits to {member} for {category}: {reason}", **waits.asked)


def _pay_out(session: Session, waits: Approval, _lang: Language) -> Say:
    asked = waits.asked
    return say("{points} points of {pool} to {member}: {reason}", **asked | {"points": _points(session, waits)})


def _take_back(_session: Session, waits: Approval, _lang: Language) -> Say:
    return say("entry {number}: {reason}", number=waits.subject.partition(":")[2], reason=waits.asked["reason"])


def _above_cap(session: Session, waits: Approval, _lang: Language) -> Say:
    number = waits.asked["service"]
    member = members.get(session, waits.community_id, services.get(session, waits.community_id, number).member_id).number
    points = _points(session, waits)
    return say("{points} points of service {number} above a cap, for {member}", points=points, number=number, member=member)


def _kin(session: Session, waits: Approval, _lang: Language) -> Say:
    return kin_door.about(session, waits.community_id, waits.asked)


def _fund(_session: Session, waits: Approval, _lang: Language) -> Say:
    return fund_door.about(waits.asked)


def _issuer(session: Session, waits: Approval, _lang: Language) -> Say:
    return issuer_door.about(session, waits.community_id, waits.asked)


def _staff(session: Session, waits: Approval, _lang: Language) -> Say:
    return staff_door.about(session, waits.community_id, waits.asked)


def _notice(_session: Session, waits: Approval, _lang: Language) -> Say:
    return notice_door.about(waits.asked)


def _rules(_session: Session, waits: Approval, _lang: Language) -> Say:
    book = rulebooks.check(b64decode(waits.asked["file"])).book
    assert book is not None, "a book with mistakes was refused when it was asked for"
    return say(
        "{title}, version {version}, from {day}; resolution {resolution}",
        title=book.title,
        version=book.version,
        day=book.effective_from,
        resolution=waits.asked["resolution"],
    )


def _recalculation(_session: Session, waits: Approval, _lang: Language) -> Say:
    return say("services from {first} to {last}", first=waits.asked["from"], last=waits.asked["to"])


def _due(_session: Session, waits: Approval, _lang: Language) -> Say:
    numbers = waits.asked["numbers"]
    values = {"count": len(numbers), "first": numbers[0], "last": numbers[-1]}
    return say("{count} services between {first} and {last} whose notice has passed", **values)


def _refund(_session: Session, waits: Approval, _lang: Language) -> Say:
    number = f"V{waits.asked['voucher']}"
    if "bill_fen" in waits.asked:
        return say("voucher {number}: the right bill is {bill} yuan", number=number, bill=yuan(waits.asked["bill_fen"]))
    return say("voucher {number}: everything comes back", number=number)


def _dispute(session: Session, waits: Approval, _lang: Language) -> Say:
    number = waits.asked["dispute"]
    values = {"number": number, "voucher": f"V{disputes.find(session, waits.community_id, number).voucher_id}"}
    if waits.asked["outcome"] == "rejected":
        return say("dispute {number} about voucher {voucher}: reject it", **values)
    if "bill_fen" in waits.asked:
        bill = yuan(waits.asked["bill_fen"])
        return say("dispute {number} about voucher {voucher}: uphold it, the right bill is {bill} yuan", **values, bill=bill)
    return say("dispute {number} about voucher {voucher}: uphold it, everything comes back", **values)


def _service(session: Session, waits: Approval, _lang: Language) -> Say:
    return say("service {number}: {member}, {day}, {minutes} minutes", **_of_service(session, waits))


def _turn_down(session: Session, waits: Approval, _lang: Language) -> Say:
    values = _of_service(session, waits)
    return say("service {number}: {member}, {day}, {minutes} minutes: {why}", **values, why=waits.asked["why"])


def _correction(session: Session, waits: Approval, lang: Language) -> Say:
    asked = waits.asked
    wanted = {"minutes": asked["minutes"]} if "minutes" in asked else {}
    wanted |= asked.get("changes", {})
    changes = ", ".join(f"{text({**FIELDS, **_CLOCKS}[name], lang)} {_shown(name, value)}" for name, value in wanted.items())
    values = _of_service(session, waits)
    return say("service {number}: {member}, {day}, {minutes} minutes; right is: {changes}", **values, changes=changes)


def _shown(name: str, value: object) -> str:
    return clock(value) if name in _CLOCKS and isinstance(value, int) else str(value)


def _of_service(session: Session, waits: Approval) -> dict[str, object]:
    service = services.get(session, waits.community_id, int(waits.subject.partition(":")[2]))
    member = members.get(session, waits.community_id, service.member_id).number
    return {"number": service.id, "member": member, "day": service.day, "minutes": service.minutes}


def _points(session: Session, waits: Approval) -> str:
    return points_text(waits.asked["points"], communities.get(session, waits.community_id).points_decimals)


ABOUT: dict[str, Told] = {
    acceptance_door.KIND: _acceptance,
    "credit.issue": _credits,
    disputes.END: _dispute,
    refunds.KIND: _refund,
    "hours.approve": _service,
    "hours.correct": _correction,
    "hours.post": _due,
    hanging.REJECT: _turn_down,
    complaints.KIND: _turn_down,
    "points.reverse": _take_back,
    reviews.KIND: _above_cap,
    "pool.payout": _pay_out,
    "issuer.revoke": _issuer,
    "fund.budget": _fund,
    "fund.take-back": _fund,
    "kin.add": _kin,
    "kin.end": _kin,
    "staff.end": _staff,
    "notice.decide": _notice,
    "notice.demand": _notice,
    "notice.holidays": _notice,
    "rules.publish": _rules,
    "rules.recalc": _recalculation,
}
"""By kind; the others say all in their subject."""

KINDS = {
    acceptance_door.KIND: say("decide about what was accepted offline"),
    "credit.issue": say("give credits"),
    disputes.END: say("decide a dispute"),
    refunds.KIND: say("give a voucher back"),
    "hours.approve": say("confirm hours"),
    "hours.correct": say("correct hours"),
    "hours.post": say("post hours"),
    hanging.REJECT: say("turn down hours"),
    complaints.KIND: say("uphold a complaint"),
    "points.reverse": say("take an entry back"),
    reviews.KIND: say("decide about points above a cap"),
    "pool.payout": say("give points of a pool"),
    "issuer.revoke": say("revoke an issuer key"),
    "fund.budget": say("declare a budget"),
    "fund.take-back": say("take a deposit back"),
    "kin.add": say("say that two are kin"),
    "kin.end": say("end a link of kin"),
    "staff.end": say("end a link to a shop"),
    "notice.decide": say("decide an objection"),
    "notice.demand": say("demand a notice"),
    "notice.holidays": say("enter a year's working days"),
    "rules.publish": say("publish a rule book"),
    "rules.recalc": say("work hours out again"),
    "settlement.approve": say("approve a settlement"),
    "statement.close": say("close a month"),
    checkpoint.KIND: say("open a new incarnation of the log"),
}
"""What a second person is asked to do, by kind."""
