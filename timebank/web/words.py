"""The sentences of the counter's pages, by the name under which the templates have them."""

from timebank.base.i18n import Say, say

WORDS: dict[str, Say] = {
    "counter": say("Voucher counter"),
    "again": say("Check another voucher"),
    "bill": say("The whole bill in yuan"),
    "bill_hint": say("Before anything is taken off, for example 86.00"),
    "bind": say("Bind this phone"),
    "bind_ask": say("This phone becomes a counter of"),
    "bind_hint": say("Do this on the shop's own phone only. The link works once."),
    "captures": say("Vouchers"),
    "check": say("Check"),
    "claims": say("Claims"),
    "claims_none": say("There is no claim of this shop yet."),
    "clerk": say("Ask the office of the community if you are not sure."),
    "code": say("Voucher code"),
    "code_hint": say("12 characters as printed; capitals, spaces and hyphens do not matter"),
    "decline": say("Turn down"),
    "disclaimer": say("Points are a token of thanks, no money: no change, no cash."),
    "due": say("Left to settle"),
    "enrolled_hint": say("If this phone is a counter already, go on here:"),
    "go_on": say("Go on"),
    "good": say("Good here"),
    "good_until": say("good until"),
    "how": say("How it came about"),
    "list_none": say("No voucher was redeemed here yet."),
    "live_declined": say("The shop turned it down"),
    "live_hint": say("Show this page to the shop. Nothing is used until the shop confirms."),
    "live_taken": say("The shop has redeemed it"),
    "live_waiting": say("Waiting for the shop"),
    "member_bill": say("What the shop asks for, before anything is taken off; 0 where there is no bill"),
    "month": say("This month"),
    "no_bill": say("No bill is needed: hand it over."),
    "not_enrolled": say("This phone is not a counter"),
    "not_enrolled_member": say("To use a voucher, show its QR code or slip at the shop it is for."),
    "not_enrolled_shop": say("Shops: ask the office for an invitation and open it on the shop's phone."),
    "off": say("Take off"),
    "off_total": say("Taken off in all"),
    "offline": say("Without a network"),
    "photo": say("Take a photo of the QR code"),
    "photo_failed": say("No QR code was found in the photo. Hold the phone straight over it, in good light, or type the code."),
    "photo_reading": say("Reading the photo …"),
    "poster": say("The shop's poster"),
    "poster_hint": say("Scan with your phone, type the bill and the voucher code, and show the page at the till."),
    "quote": say("Work out"),
    "receipt": say("Receipt"),
    "redeem": say("Redeem"),
    "redeemed": say("Redeemed"),
    "refunded": say("taken back by the shop"),
    "show": say("Show it to the shop"),
    "skip": say("Skip to the content"),
    "tickets": say("Shown by members"),
    "today": say("Today"),
    "used_by": say("Voucher of"),
    "void": say("Take back"),
    "void_ask": say("Redeemed by mistake? It can be taken back here until midnight; the points return to the member."),
    "void_done": say("Taken back; the points are with the member again."),
    "wait": say("Not now"),
    "yuan": say("yuan"),
}

REFUSED = say("Do not accept")
"""What stands above a refusal where nothing must be given."""

STILL_GOOD = frozenset(
    {
        *("below_min_spend", "no_benefit", "bad_bill", "bad_amount", "budget_used_up", "fund_exhausted"),
        *("too_many_waiting", "unknown_ticket", "undo_over", "no_page", "unknown_receipt"),
        *("too_many_guesses", "bad_code", "bad_token", "strange_form", "not_in_scope", "too_long", "not_undone"),
    }
)
"""Codes of refusals that leave the voucher good: it can be used another time or in another way."""
