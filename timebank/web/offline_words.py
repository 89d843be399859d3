"""The sentences of the offline file, by the name under which its script has them; `{…}` is filled in on the phone."""

from timebank.acceptance_words import REASONS as REVIEWED
from timebank.base.i18n import Say, say
from timebank.benefits import DISCLAIMER

WORDS: dict[str, Say] = {
    "title": say("Vouchers offline: {shop}", shop="{shop}"),
    "photo": say("Take a photo of the QR code"),
    "text": say("Or paste what the QR code holds"),
    "check": say("Check"),
    "bill": say("The whole bill in yuan"),
    "work_out": say("What comes off?"),
    "accept": say("Accept"),
    "again": say("Check another voucher"),
    "good": say(
        "{voucher} is signed by the office. At most {most} yuan off; good until {day}.",
        voucher="{voucher}",
        most="{most}",
        day="{day}",
    ),
    "take_off": say("Take {yuan} yuan off", yuan="{yuan}"),
    "hand_over": say("Hand over what it names"),
    "left": say("{yuan} yuan left to settle", yuan="{yuan}"),
    "accepted": say("Accepted: {number}", number="{number}"),
    "step_share": say("{share} of the bill of {bill} yuan = {part} yuan", share="{share}", bill="{bill}", part="{part}"),
    "step_limit": say("at most {limit} yuan, so {off} yuan off", limit="{limit}", off="{off}"),
    "step_points": say("costs the member {points} points", points="{points}"),
    "step_price": say("{points} points, the price of the offer", points="{points}"),
    "kept": say("Accepted on this phone"),
    "waiting": say("{count} wait to be sent to the office.", count="{count}"),
    "all_sent": say("All were sent to the office."),
    "send": say("Send now"),
    "by_hand": say("Send as a text instead"),
    "by_hand_how": say("Copy this text, send it to the office by any messenger, and keep the phone's list."),
    "copy": say("Copy"),
    "copied": say("Copied"),
    "registered": say("The office knows this phone as {device}.", device="{device}"),
    "registering": say("This phone is not known to the office yet."),
    "until": say("This file accepts vouchers until {day}; download a new one on the counter's page before.", day="{day}"),
    "online_first": say(
        "Where there is a network use the counter's page: only the office knows whether a voucher was used meanwhile."
    ),
    "storage": say(
        "What was accepted is kept in this browser. Until all is sent do not clear its data and do not remove the file."
    ),
    "disclaimer": DISCLAIMER,
    "state_waiting": say("{number}, {when}: {off} yuan off; not sent yet", number="{number}", when="{when}", off="{off}"),
    "state_captured": say(
        "{number}, {when}: {off} yuan off; redeemed, receipt {entry}",
        number="{number}",
        when="{when}",
        off="{off}",
        entry="{entry}",
    ),
    "state_review": say(
        "{number}, {when}: {off} yuan off; the office looks at it: {why}",
        number="{number}",
        when="{when}",
        off="{off}",
        why="{why}",
    ),
    "state_refused": say(
        "{number}, {when}: {off} yuan off; not taken: {why}", number="{number}", when="{when}", off="{off}", why="{why}"
    ),
    "clock_off": say("This phone's clock is {minutes} minutes off. Set it right.", minutes="{minutes}"),
    "not_sent": say("The office did not take it: {code}. Ask the office.", code="{code}"),
}
"""The page's own words."""

VERDICTS: dict[str, tuple[Say, Say]] = {
    "no_voucher": (say("No voucher"), say("This is no QR code of a voucher. Take the photo again.")),
    "no_qr": (say("No QR code found"), say("Hold the phone closer, straight above the paper and in good light.")),
    "short_code": (
        say("Not to be checked offline"),
        say("The short code can be checked online only. Photograph the QR code, or call the office."),
    ),
    "other_community": (say("Not of this community"), say("Give nothing for it here. Its slip says where it is good.")),
    "other_shop": (say("For another shop"), say("Give nothing for it here. Its slip says where it is good.")),
    "unknown_issuer": (
        say("This file is too old for it"),
        say("Download a new file on the counter's page, or call the office."),
    ),
    "unknown_offer": (
        say("This file is too old for it"),
        say("Download a new file on the counter's page, or call the office."),
    ),
    "forged": (say("Not signed by the office"), say("Give nothing for it. Keep the paper and tell the office.")),
    "expired": (say("Expired on {day}", day="{day}"), say("Give nothing for it. The points are back with the member.")),
    "used_here": (
        say("Used here already, {when}", when="{when}"),
        say("A voucher is good once. It was accepted as {number}.", number="{number}"),
    ),
    "clock": (
        say("This phone's clock is wrong"),
        say("It says {clock}, and it was {known} already. Set it right and check again.", clock="{clock}", known="{known}"),
    ),
    "file_over": (
        say("This file is over"),
        say("It was good until {day}. Download a new one on the counter's page, or call the office.", day="{day}"),
    ),
    "lost": (
        say("This phone's key is gone"),
        say("Its browser lost what it kept. Ask the office to enrol the phone anew; call for vouchers meanwhile."),
    ),
    "unregistered": (
        say("Connect this phone once"),
        say("Its key is not registered yet. Open this file where there is a network, then check again."),
    ),
    "no_storage": (
        say("This browser keeps nothing"),
        say("Open the file with another browser, not in a private window or a messenger."),
    ),
    "not_kept": (
        say("It could not be written down"),
        say("Nothing was accepted. Free some space on the phone, then check again."),
    ),
}
"""Why nothing is accepted: what stands large, and what to do."""

REASONS: dict[str, Say] = {
    "bad_bill": say("A bill lies between 0.01 and 1,000,000 yuan."),
    "below_min_spend": say("This offer needs a bill of {least} yuan.", least="{least}"),
    "no_benefit": say("Nothing can be taken off this bill."),
    "bill_not_wanted": say("There is no bill: hand it over."),
}
"""Why a bill gives nothing, as `benefits.benefit` has it."""

CODES: dict[str, Say] = {
    **{code: sentence for code, sentence in REVIEWED.items() if code != "wrong_merchant"},
    "unknown_device": say("The office does not know this phone's offline file. Download a new one within a day and open it."),
    "device_revoked": say("The office revoked this phone. Ask it to be enrolled anew."),
    "key_registered": say("Another phone has registered with this file. Ask the office for a file of your own."),
    "exists_with_different_content": say("another acceptance has this number"),
    "bad_acceptance": say("the text was changed on its way"),
}
"""What the office answers."""

COUNTER: dict[str, Say] = {
    "headline": say("Without a network"),
    "what": say("One file lets this phone check and accept vouchers where there is no network. It works for 31 days."),
    "download": say("Download the file"),
    "how": say("Open it within a day while there is a network: then the office knows it. Later it needs none."),
    "refresh": say("Download it again before it is over; what it kept stays on the phone."),
    "paste_headline": say("Bring in a copied text"),
    "paste": say("The text from an offline page"),
    "bring": say("Bring in"),
    "outcome": say("What came of it"),
}
"""The counter's page about the file."""


def words() -> dict[str, Say]:
    """All sentences of the file by name: a verdict `x` has `x` and `x_do`, an answer `x` is `code_x`."""
    found = {**WORDS, **REASONS, **{f"code_{code}": sentence for code, sentence in CODES.items()}}
    for name, (headline, cure) in VERDICTS.items():
        found |= {name: headline, f"{name}_do": cure}
    return found
