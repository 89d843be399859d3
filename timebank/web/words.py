"""The sentences of the counter's pages, by the name under which the templates have them."""

from timebank.base.i18n import Say, say

WORDS: dict[str, Say] = {
    "counter": say("Voucher counter"),
    "again": say("Check another voucher"),
    "already": say("Redeemed already"),
    "back": say("Back"),
    "bill": say("The whole bill in yuan"),
    "bill_hint": say("Before anything is taken off, for example 86.00"),
    "bind": say("Bind this phone"),
    "bind_ask": say("This phone becomes a counter of"),
    "bind_hint": say("Do this on the shop's own phone only. The link works once."),
    "captures": say("vouchers"),
    "check": say("Check"),
    "claims": say("Claims"),
    "claims_none": say("There is no claim of this shop yet."),
    "clerk": say("Ask the office of the community if you are not sure."),
    "code": say("Voucher code"),
    "code_hint": say("12 characters as printed; capitals, spaces and hyphens do not matter"),
    "day": say("Day"),
    "disclaimer": say("Points are a token of thanks, no money: no change, no cash."),
    "due": say("Left to settle"),
    "enrolled_hint": say("If this phone is a counter already, go on here:"),
    "go_on": say("Go on"),
    "good": say("Good here"),
    "good_until": say("good until"),
    "how": say("How it came about"),
    "language": say("中文"),
    "list_none": say("No voucher was redeemed here yet."),
    "month": say("This month"),
    "name": say("Name"),
    "no_bill": say("No bill is needed: hand it over."),
    "not_enrolled": say("This phone is not a counter"),
    "not_enrolled_member": say("To use a voucher, show its QR code or slip at the shop it is for."),
    "not_enrolled_shop": say("Shops: ask the office for an invitation and open it on the shop's phone."),
    "off": say("Take off"),
    "off_total": say("taken off in all"),
    "owed": say("to be reimbursed"),
    "photo": say("Take a photo of the QR code"),
    "photo_failed": say("No QR code was found in the photo. Hold the phone straight over it, in good light, or type the code."),
    "photo_reading": say("Reading the photo …"),
    "points": say("Points"),
    "quote": say("Work out"),
    "receipt": say("Receipt"),
    "redeem": say("Redeem"),
    "redeemed": say("Redeemed"),
    "refunded": say("taken back"),
    "shop": say("Shop"),
    "skip": say("Skip to the content"),
    "start": say("Start"),
    "state": say("State"),
    "steps_none": say("Nothing is taken off yet."),
    "today": say("Today"),
    "used_by": say("Voucher of"),
    "void": say("Take back"),
    "void_ask": say("Redeemed by mistake? It can be taken back here until midnight; the points return to the member."),
    "void_done": say("Taken back; the points are with the member again."),
    "voucher": say("Voucher"),
    "wait": say("Not now"),
    "yuan": say("yuan"),
}

REFUSED = say("Do not accept")
"""What stands above a refusal where nothing must be given."""

STILL_GOOD = frozenset(
    {
        *("below_min_spend", "no_benefit", "bad_bill", "bad_amount", "budget_used_up", "fund_exhausted"),
        *("too_many_guesses", "bad_code", "strange_form", "not_in_scope", "too_long", "not_undone"),
    }
)
"""Codes of refusals that leave the voucher good: it can be used another time or in another way."""
