"""Writing a workbook (.xlsx) of one worksheet whose cells are all text: nothing in it is a formula, nothing is rounded.

Texts stand in the cells themselves (`inlineStr`), which no spreadsheet runs, under the format "text", so that what a clerk
types over them stays as typed. Rows and cells are numbered, which the standard leaves open and Gnumeric needs. Source:
ECMA-376, part 1. The same rows give the same bytes.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from timebank.base.sheet_writing import Written, sync_folder, write_bytes
from timebank.base.workbooks import letters

_CHARACTERS_MAX = 32_767  # of a cell; Excel calls a file with a longer one damaged
_MARKS = re.compile(
    "[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)"
)  # what XML cannot hold, and our escapes
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BEGUN = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKED = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKED}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKED}/relationships">'
    f'<Relationship Id="r1" Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKED}/relationships">'
    f'<Relationship Id="r1" Type="{_RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_RELATED}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_SHEET_BEGUN = (
    f'<worksheet xmlns="{_MAIN}"><sheetFormatPr defaultRowHeight="15"/>'
    '<cols><col min="1" max="200" width="16" style="1" customWidth="1"/></cols><sheetData>'
)


def write_workbook(path: Path, rows: Iterable[Sequence[str]]) -> Written:
    """Write a workbook whole or not at all, the first row being its header. Raises Unwritable `unwritable`."""
    written = [_row(number, row) for number, row in enumerate(rows, start=1)]
    sheet = "".join((_SHEET_BEGUN, *written, "</sheetData></worksheet>"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
            part = zipfile.ZipInfo(name)  # its date is the first that ZIP knows, not the clock's
            archive.writestr(part, (_BEGUN + text).encode(), zipfile.ZIP_DEFLATED)
    digest = write_bytes(path, packed.getvalue())
    sync_folder(path.parent)
    return Written(digest, len(written) - 1)


def _row(number: int, row: Sequence[str]) -> str:
    cells = "".join(_cell(f"{letters(place)}{number}", text) for place, text in enumerate(row))
    return f'<row r="{number}">{cells}</row>'


def _cell(name: str, text: str) -> str:
    kept = _MARKS.sub(lambda found: f"_x{ord(found[0]):04X}_", text[:_CHARACTERS_MAX]).translate(_ENTITIES)
    return f'<c r="{name}" s="1" t="inlineStr"><is><t xml:space="preserve">{kept}</t></is></c>'
