"""Forms: an empty sheet for an office to fill in, which imports as it stands."""

from datetime import date
from pathlib import Path

from timebank.base.errors import Conflict, Invalid
from timebank.base.i18n import Language, say, text
from timebank.base.sheets import write_csv
from timebank.base.workbook_writing import write_workbook
from timebank.exchange import HOURS_COLUMNS

_COLUMNS = frozenset(("ref", "date", "member_no", "minutes", "start", "end", "category", "activity", "place"))
_TITLES = (
    say("Record of volunteer services"),
    say("One row for each person and service; the first row is an example: write over it or delete it."),
    say("Minutes, or start and end, are enough; where both are written they must agree. A record no. counts once."),
)


def write_hours(path: Path, lang: Language, member_no: str, day: date, category: str) -> int:
    """Write an empty sheet of services with one row as an example, which imports as it stands; give its rows.

    What to know stands above the header, where an import passes it over: without a year, which would complete days. Raises
    Invalid `bad_form` for a name that ends in neither .xlsx nor .csv, Conflict `file_exists`, Unwritable.
    """
    ending = path.suffix.lower()
    if ending not in (".xlsx", ".csv"):
        message = say("{file} is neither an .xlsx nor a .csv file.", file=path.name)
        raise Invalid(message, "bad_form", say("Name it like hours.xlsx."))
    if path.exists():
        raise Conflict(say("There is a file {file} already.", file=str(path)), "file_exists", say("Name another file."))
    sample = {
        "ref": f"{day:%m%d}-1",
        "date": day.isoformat(),
        "member_no": member_no,
        "minutes": "90",
        "start": "14:00",
        "end": "15:30",
        "category": category,
    }
    asked = [column for column in HOURS_COLUMNS if column.name in _COLUMNS]
    header = [column.synonyms[0] if lang == "zh" else column.name for column in asked]
    rows = [
        *([text(title, lang)] for title in _TITLES),
        header,
        [sample.get(column.name, "") for column in asked],
    ]
    written = write_workbook(path, rows) if ending == ".xlsx" else write_csv(path, rows[0], rows[1:])
    return written.rows - len(_TITLES)
