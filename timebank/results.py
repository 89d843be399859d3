"""Results of a claim list in: what the paying office wrote beside each batch, paid or returned.

Each row goes through the room's verb.

The list that was exported comes back with its columns `result` and `reference` filled in; a row without a result is left out.
"""

from sqlmodel import Session

from timebank import settlement
from timebank.base.act import Act
from timebank.base.amounts import fen_of
from timebank.base.codes import narrow
from timebank.base.errors import Invalid
from timebank.base.i18n import say
from timebank.base.imported import Imported
from timebank.base.sheet_values import parse_count, parse_day, parse_text
from timebank.base.sheets import Column, Row
from timebank.exchange import Intake
from timebank.settlement import Outcome, Result

_ONLY_SHOWN = (
    *(("period", "月份"), ("merchant_no", "商户编号"), ("captures", "张数"), ("refunds", "退回张数"), ("points", "积分")),
    *(("sha256", "SHA-256"), ("previous", "上一批 SHA-256"), ("state", "状态")),
)
"""What else stands in the list: it is the batch's own and is not read back."""
COLUMNS = (
    Column("batch", ("批次", "批次号", "批号"), required=True),
    Column("result", ("结果", "处理结果"), required=True),
    Column("reference", ("凭证号", "银行流水号", "回单号"), required=False),
    Column("why", ("原因", "退回原因"), required=False),
    Column("date", ("日期", "拨付日期", "退回日期"), required=False),
    Column("yuan", ("金额", "金额(元)"), required=False),
    Column("fen", ("金额(分)",), required=False),
    *(Column(name, (shown,), required=False) for name, shown in _ONLY_SHOWN),
)
_OUTCOMES: dict[str, Outcome] = {
    **dict.fromkeys(("paid", "已付", "已拨付", "拨付", "成功"), "paid"),
    **dict.fromkeys(("returned", "退回", "已退回", "失败"), "returned"),
}


def results_in(session: Session, act: Act, intake: Intake) -> Imported:
    """Enter a sheet of results. Codes of rejected rows: as `settlement.enter`, and `unknown_result`, `bad_count`, `bad_day`,
    `bad_amount` of rows that cannot be read."""
    return intake.take(_result, lambda read: settlement.enter(session, act, [result for result in read if result is not None]))


def _result(row: Row) -> Result | None:
    typed = narrow(row.values["result"]).strip().lower()
    if not typed:
        return None
    if typed not in _OUTCOMES:
        raise Invalid(
            say("{result} is no result of a batch.", result=row.values["result"]),
            "unknown_result",
            say("Write paid or returned."),
        )
    outcome = _OUTCOMES[typed]
    told = row.values["why"] if outcome == "returned" and row.values["why"].strip() else row.values["reference"]
    date, yuan, fen = (row.values[name].strip() for name in ("date", "yuan", "fen"))
    return Result(
        parse_count(row.values["batch"]),
        outcome,
        parse_text(told),
        parse_day(date) if date else None,
        fen_of(yuan) if yuan else parse_count(fen) if fen else None,
        row.number,
    )
