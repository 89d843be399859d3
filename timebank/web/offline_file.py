"""The offline file of one phone: a single page that reads, verifies and accepts its shop's vouchers where there is no network.

Everything is in it: script, style, the readers of others (static/vendor), the issuer's public keys, the shop's offers. Its own
policy lets it run just this script and call one address, the office's for uploads. It ends by itself, so that keys and offers
stay fresh. Needs nothing of the extra [web], so that a clerk can write it to a disk.
"""

import json
import re
from base64 import b64encode
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlmodel import Session

from timebank import benefits, issuers, offers, tokens
from timebank.base import communities
from timebank.base.act import Act
from timebank.base.communities import Community
from timebank.base.db import instant
from timebank.base.errors import Refused
from timebank.base.i18n import LANGUAGES, say, text
from timebank.offers import Offer
from timebank.people import merchants, offline_keys
from timebank.people.devices import Device
from timebank.web.offline_words import words

DAYS = 31
"""How long a file accepts vouchers: most live 30 days."""
BYTES_MAX = 400_000
UPLOAD = "/offline/upload"
"""The one address that the file calls, behind the counter's."""
_STATIC = Path(__file__).parent / "static"
_OWN = ("benefit.js", "token.js", "store.js", "app.js")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_EXPORTED = re.compile(r"^export (?=const |function |class |async )", re.MULTILINE)
_LISTED = re.compile(r"^export \{(.*?)\};$", re.MULTILINE | re.DOTALL)
_DEFAULT = re.compile(r"^export default .*$", re.MULTILINE)
_IMPORTED = re.compile(r"^import \{.*\} from '\./index\.js';$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OfflineFile:
    """What stands in one file: the shop and the device it is for, when it was made and ends, the issuer's keys, the offers, the
    address for uploads, and the secret that registers the phone's key ('' where that was done)."""

    community: Community
    shop: merchants.Merchant
    device: Device
    made: datetime
    keys: tuple[issuers.Issuer, ...]
    offers: tuple[Offer, ...]
    counter: str
    secret: str = field(repr=False)

    @property
    def until(self) -> datetime:
        """When the file accepts nothing any more."""
        return self.made + timedelta(days=DAYS)

    @property
    def upload(self) -> str:
        """The one address that the file calls."""
        return f"{self.counter}{UPLOAD}"


def of(session: Session, act: Act, device: Device, counter: str, pepper: bytes) -> OfflineFile:
    """The file of a device as things stand; reads only. `counter` is the counter's address, 'https://jianshe.example.cn'.

    Raises Refused `no_issuer_key` where the office has signed nothing yet: no voucher could be checked with the file.
    """
    community, today = communities.get(session, act.community_id), communities.today(session, act)
    keys = tuple(issuers.public_keys(session, community.id, today))
    if not keys:
        raise Refused(
            say("The office has no key yet that signs vouchers."),
            "no_issuer_key",
            say("It is made with the first voucher, or by timebank issuer announce. Download the file after that."),
        )
    own = [o for o in offers.listed(session, community.id) if o.merchant_id == device.merchant_id and o.valid_to >= today]
    registered = offline_keys.key_of(session, community.id, device.id) is not None
    return OfflineFile(
        community,
        merchants.get(session, community.id, device.merchant_id),
        device,
        act.now,
        keys,
        tuple(own),
        counter,
        "" if registered else offline_keys.secret_of(pepper, community.code, device.id, act.now),
    )


def page(file: OfflineFile) -> str:
    """The file as one HTML text, in UTF-8 below 400 kB."""
    script, style = _script(), _read("offline/page.css")
    # What a meta policy cannot say (frame-ancestors) means nothing for a file.
    policy = (
        f"default-src 'none'; script-src '{_hashed(script)}'; style-src '{_hashed(style)}'; img-src blob:; "
        f"connect-src {file.upload}; base-uri 'none'; form-action 'none'"
    )
    title = f"{file.shop.name} · {file.community.name}"
    parts = {"policy": _escaped(policy), "title": _escaped(title), "style": style, "shop": _data(file), "script": script}
    made = _PLACE.sub(lambda place: parts[place[1]], _read("offline/page.html"))
    assert len(made.encode()) < BYTES_MAX, "a phone on a slow network has to load it"
    return made


def _data(file: OfflineFile) -> str:
    """What the script reads, as JSON that no HTML ends."""
    decimals = file.community.points_decimals
    told: dict[str, Any] = {
        "community": file.community.code,
        "community_name": file.community.name,
        "community_hash": tokens.community_of(file.community.code).hex(),
        "timezone": file.community.timezone,
        "decimals": decimals,
        "merchant": file.shop.id,
        "number": file.shop.number,
        "name": file.shop.name,
        "device": file.device.id,
        "secret": file.secret,
        "made": instant(file.made),
        "until": instant(file.until),
        "upload": file.upload,
        "keys": [{"number": key.number, "public": key.public.hex()} for key in file.keys],
        "offers": [_offer(offer, decimals) for offer in file.offers],
        "words": {lang: {name: text(sentence, lang) for name, sentence in words().items()} for lang in LANGUAGES},
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _offer(offer: Offer, decimals: int) -> dict[str, Any]:
    terms = {name: value for name, value in asdict(offer.terms).items() if name != "label"}
    described = benefits.described(offer.terms, decimals)
    return {
        "id": offer.id,
        "terms": {"kind": offer.kind, **terms},
        "words": {lang: text(described, lang) for lang in LANGUAGES},
    }


@cache
def _script() -> str:
    """All scripts as one: those of others as they were published, ours behind them, nothing left in the window."""
    tables, reader = _module("vendor/qr/index.js"), _module("vendor/qr/decode.js")
    reader, count = _IMPORTED.subn(_bound_anew, reader)
    assert count == 1, "the reader imports its tables, and nothing else"
    own = "\n".join(_read(f"offline/{name}") for name in _OWN)
    signing = _read("vendor/tweetnacl/nacl-fast.min.js")
    made = (
        f"{signing}\n(() => {{\n'use strict';\nconst decodeQR = (() => {{\nconst tables = (() => {{\n{tables}\n}})();\n"
        f"{reader}\nreturn decodeQR;\n}})();\n{own}\n}})();\n"
    )
    assert "</script" not in made.lower(), "a script that ends in its middle"
    return made


def _module(name: str) -> str:
    """A published module as the body of a function, which gives what the module lists as exported."""
    body = _DEFAULT.sub("", _EXPORTED.sub("", _read(name)))
    given = _LISTED.findall(body)
    pairs = [pair.strip().split(" as ") for listed in given for pair in listed.split(",") if pair.strip()]
    body = _LISTED.sub("", body)
    return body + ("\nreturn {" + ", ".join(f"{outer}: {inner}" for inner, outer in pairs) + "};" if pairs else "")


def _bound_anew(imported: re.Match[str]) -> str:
    names = imported[0].partition("{")[2].partition("}")[0]
    pairs = [pair.strip().split(" as ") for pair in names.split(",") if pair.strip()]
    return "const {" + ", ".join(f"{outer}: {inner}" for outer, inner in pairs) + "} = tables;"


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _hashed(source: str) -> str:
    """How a policy names one inline script or style (CSP level 3, section 2.3.1)."""
    return "sha256-" + b64encode(sha256(source.encode()).digest()).decode()


def _escaped(plain: str) -> str:
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
