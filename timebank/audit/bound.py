"""How an entry binds a row of another room: which table, which row of it, which columns repeat which facts."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table
from sqlmodel import SQLModel


@dataclass(frozen=True, slots=True)
class Bound:
    """One kind of entry and the row it binds: `key` is the column that the entry's subject names behind its colon, `columns`
    says which column repeats which fact, `seq` which one holds the entry's number ('' where none does). `about` is what the
    subject says before its colon, unless that is the table's name; `added` is a fact that older entries do not tell; only
    rows whose column `only[0]` has one of the values behind it must be bound by this kind."""

    kind: str
    table: str
    columns: Mapping[str, str]
    code: str
    key: str = "id"
    seq: str = "seq"
    only: tuple[str, ...] | None = None
    about: str = ""
    added: str = ""

    @property
    def rows(self) -> Table:
        """The table itself."""
        return SQLModel.metadata.tables[self.table]

    @property
    def prefix(self) -> str:
        """What stands before the colon of the subject of entries that bind such a row."""
        return self.about or self.table
