"""Whether the triggers that make the book append-only are there, word by word (migrations/guards.py)."""

import re

from timebank.audit.findings import Findings
from timebank.audit.source import Source
from timebank.base import schema
from timebank.base.i18n import say

_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_POSTGRES = (
    "SELECT t.tgname, CASE WHEN t.tgenabled IN ('O', 'A') THEN '' ELSE 'off: ' END || pg_get_triggerdef(t.oid, true) "
    "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
)
_POSTGRES_FUNCTION = (
    "SELECT prosrc FROM pg_proc WHERE proname = 'timebank_append_only' AND pronamespace = current_schema()::regnamespace"
)
# What takes guards down without touching them: triggers put to sleep for a database, a role or a key; rewriting rules.
_POSTGRES_ASLEEP = (
    "SELECT s.setdatabase::bigint || '/' || s.setrole::bigint FROM pg_db_role_setting s "
    "WHERE (s.setdatabase = 0 OR s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())) "
    "AND EXISTS (SELECT 1 FROM unnest(s.setconfig) c WHERE c LIKE 'session_replication_role=%%' AND c NOT LIKE '%%=origin') "
    "UNION ALL SELECT c.relname || ' ' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
    "WHERE t.tgisinternal AND t.tgenabled NOT IN ('O', 'A') AND c.relnamespace = current_schema()::regnamespace "
    "UNION ALL SELECT tablename || ' ' || rulename FROM pg_rules WHERE schemaname = current_schema()"
)
_NAME = re.compile(r"CREATE TRIGGER (\w+) ")
_BODY = re.compile(r"\$\$(.*)\$\$", re.DOTALL)


def check(source: Source, findings: Findings) -> None:
    """Compare the database's triggers with those that the migrations put up; any other trigger is strange."""
    sqlite = source.dialect.name == "sqlite"
    wanted = {}
    for statement in schema.guards().install(source.dialect.name):
        named = _NAME.match(statement)
        if named:
            # PostgreSQL tells a trigger's events in an order of its own.
            wanted[named[1]] = statement.replace("UPDATE OR DELETE", "DELETE OR UPDATE")
        elif [(_BODY.findall(statement)[0],)] != source.run(_POSTGRES_FUNCTION):
            changed = say("The function that the guards call is not the one that was put up.")
            findings.add("guard_differs", changed, where="timebank_append_only")
    there = dict[str, str](source.run(_SQLITE if sqlite else _POSTGRES))
    for name, text in wanted.items():
        if name not in there:
            findings.add("guard_missing", say("The guard {name} is missing.", name=name), where=name)
        elif there[name] != text:
            findings.add("guard_differs", say("The guard {name} is not the one that was put up.", name=name), where=name)
    for name in sorted(there.keys() - wanted.keys()):
        findings.add("strange_trigger", say("The database has a trigger {name} of its own.", name=name), where=name)
    for (name,) in [] if sqlite else source.run(_POSTGRES_ASLEEP):
        findings.add("guard_asleep", say("Something keeps guards or keys from working: {name}.", name=name), where=name)
