"""What a statement says in words: header rows, what an entry was, how its points came about."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from json import JSONDecoder
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from timebank.base.errors import Invalid
from timebank.base.i18n import Language, Say, say, text
from timebank.base.sheet_values import guard
from timebank.reading import Line
from timebank.rewards import explain

_Told = TypeVar("_Told")

HEADERS: Final[Mapping[str, str]] = {
    "community": "社区",
    "period": "月份",
    "statement_no": "对账单编号",
    "member_no": "成员编号",
    "name": "姓名",
    "merchant_name": "商户名称",
    "minutes_opening": "期初服务时长(分钟)",
    "minutes_recorded": "记录服务时长(分钟)",
    "minutes_reversed": "冲正服务时长(分钟)",
    "minutes_closing": "期末服务时长(分钟)",
    "points_opening": "期初积分",
    "points_initial": "期初导入积分",
    "points_earned": "服务所得积分",
    "points_granted": "补助积分",
    "points_received": "受赠积分",
    "points_refunded": "退回积分",
    "points_redeemed": "核销积分",
    "points_given": "赠出积分",
    "points_expired": "失效积分",
    "points_adjusted": "调整积分",
    "points_closing": "期末积分",
    "points_held": "冻结积分",
    "points_owed": "欠分",
    "points_available": "可用积分",
    "points_overflow": "超出转入爱心池积分",
    "points_expiring_1m": "一个月内失效积分",
    "points_expiring_3m": "三个月内失效积分",
    "credits_opening": "期初社区币",
    "credits_issued": "发放社区币",
    "credits_converted": "转换社区币",
    "credits_adjusted": "调整社区币",
    "credits_closing": "期末社区币",
    "first_entry": "首笔分录",
    "last_entry": "末笔分录",
    "line": "行号",
    "entry": "分录",
    "posted_on": "入账日期",
    "service_date": "业务日期",
    "kind": "种类",
    "description": "摘要",
    "minutes": "服务时长(分钟)",
    "points": "积分",
    "credits": "社区币",
    "points_balance": "积分余额",
    "credits_balance": "社区币余额",
    "rules": "规则",
    "explanation": "积分计算过程",
    "reverses": "冲正的分录",
    "reference": "凭据",
    "merchant_no": "商户编号",
    "payable_opening_fen": "期初应补(分)",
    "captures": "核销笔数",
    "captured_points": "商户核销积分",
    "captured_fen": "核销应补(分)",
    "refunds": "退回笔数",
    "refunded_points": "商户退回积分",
    "refunded_fen": "退回应补(分)",
    "paid_fen": "已拨付(分)",
    "payable_closing_fen": "期末应补(分)",
    "claimed_fen": "已批准申领(分)",
    "redeemed_points": "本笔核销积分",
    "fen": "应补(分)",
    "payable_fen": "应补余额(分)",
    "pool": "爱心池",
    "pool_points_opening": "爱心池期初积分",
    "pool_points_received": "爱心池收到积分",
    "pool_points_given": "爱心池发出积分",
    "pool_points_expired": "爱心池失效积分",
    "pool_points_adjusted": "爱心池调整积分",
    "pool_points_closing": "爱心池期末积分",
    "unit": "单位",
    "movement": "项目",
    "amount": "数额",
    "accounts": "账户数",
    "lines": "行数",
}
"""The Chinese header of every column, each its own: a total is found by it."""

_KINDS: Final[Mapping[str, Say]] = {
    "hours": say("Service"),
    "points.opening": say("Brought from earlier records"),
    "points.expire": say("Points lapsed"),
    "points.review": say("Points above a cap, given by decision"),
    "points.gift": say("Gift of points"),
    "pool.payout": say("From a pool"),
    "award.grant": say("Grant by the committee"),
    "credit.issue": say("Credits for a contribution"),
    "credit.convert": say("Credits turned into points"),
    "settlement.paid": say("Reimbursed"),
}
_VOUCHERS: Final[Mapping[str, Callable[[str], Say]]] = {
    "voucher.issue": lambda number: say("Voucher {number} issued: its points are on hold", number=number),
    "voucher.capture": lambda number: say("Voucher {number} redeemed", number=number),
    "voucher.void": lambda number: say("Voucher {number} voided: its points are back", number=number),
    "voucher.expire": lambda number: say("Voucher {number} ran out: its points are back", number=number),
    "voucher.refund": lambda number: say("Voucher {number} refunded", number=number),
}
_TRACE = '"trace":'
_DAY = re.compile(r'"day":"[0-9-]{10}",')
_USED = re.compile(
    r'"used":\{(?:"counted":(\d+),?)?(?:"day_minutes":(\d+),?)?(?:"eligible":(\d+),?)?(?:"windows":\{[^{}]*\})?\}'
)
_REMEMBERED_MAX = 20_000


class Telling:
    """Descriptions and explanations in one language, days in one time zone. Texts come guarded against spreadsheets.

    A month's awards came about in a few hundred ways: each is told once and then remembered by the canonical text of its
    trace, without its day and with the minutes carried over instead of the sums they come from.
    """

    def __init__(self, lang: Language, timezone: str) -> None:
        self._lang: Language = lang
        self._zone = ZoneInfo(timezone)
        self._days: dict[str, str] = {}
        self._awards: dict[str, tuple[str, str]] = {}
        self._traces: dict[int, str] = {}

    def read(self, payloads: Mapping[int, str]) -> None:
        """Take the traces out of these entries' payloads, for the lines told next."""
        self._traces = {}
        for seq, payload in payloads.items():
            # Quotation marks inside strings are escaped, so this is a key; of keys with this name the payload's own is last.
            start = payload.rfind(_TRACE)
            if start >= 0:
                self._traces[seq] = payload[start + len(_TRACE) :]

    def local_day(self, moment: str) -> str:
        """The day of a moment ('2026-10-20T04:00:00Z') where the community lives."""
        day = self._days.get(moment)
        if day is None:
            day = datetime.fromisoformat(moment).astimezone(self._zone).date().isoformat()
            _remember(self._days, moment, day)
        return day

    def entry(self, line: Line) -> tuple[str, str]:
        """What an entry was ('Voucher V9 redeemed') and how its points came about; '' where there is no trace."""
        if line.seq in self._traces:
            return self._award(self._traces[line.seq])
        if line.kind == "reversal":
            return self._guarded(say("Takes back {entry}", entry=entry_no(line.reverses or 0))), ""
        of_voucher = _VOUCHERS.get(line.kind)
        if of_voucher is not None:
            return self._guarded(of_voucher(f"V{(line.subject or '').partition(':')[2]}")), ""
        return self._guarded(_KINDS.get(line.kind, line.kind)), ""

    def _award(self, trace: str) -> tuple[str, str]:
        key = _told_by(trace)
        told = self._awards.get(key)
        if told is None:
            read = JSONDecoder().raw_decode(trace)[0]
            try:
                explanation = guard(explain(read, self._lang))
            except Invalid as error:  # made by other arithmetic than ours: say so, the month's other lines are still good
                explanation = self._guarded(error.message)
            service = say("Service: {category}", category=read.get("category", ""))
            told = self._guarded(_KINDS["credit.convert"] if "credits" in read else service), explanation
            _remember(self._awards, key, told)
        return told

    def opening(self, minutes: int) -> str:
        """What the first row of a member's file says."""
        return text(say("Opening; {minutes} minutes served so far", minutes=minutes), self._lang)

    def closing(self, minutes: int) -> str:
        """What the last row of a member's file says."""
        return text(say("Closing; {minutes} minutes served so far", minutes=minutes), self._lang)

    def _guarded(self, said: Say | str) -> str:
        return guard(text(said, self._lang))


def _told_by(trace: str) -> str:
    """The part of a trace's canonical text that its explanation tells: awards that came about alike have it in common."""
    used = _USED.search(trace)
    if used is not None:
        counted, day_minutes, eligible = used.groups()
        carried = int(eligible or 0) - int(counted or 0)
        trace = f"{trace[: used.start()]}{carried} {day_minutes}{trace[used.end() :]}"
    return _DAY.sub("", trace, count=1)


def entry_no(seq: int) -> str:
    """An entry's number as it is printed: E000042."""
    return f"E{seq:06d}"


def _remember(known: dict[str, _Told], key: str, told: _Told) -> None:
    if len(known) >= _REMEMBERED_MAX:
        known.clear()
    known[key] = told
