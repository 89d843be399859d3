"""What an application's role may do on PostgreSQL: add to the book, keep the caches and states up to date, and nothing else.

Whoever owns the tables can take the guards down; whoever only has these rights cannot, however it is asked. Nothing is deleted
by this program, so nobody needs DELETE. What an owner was given is never taken from it: foreign keys are checked in its name.
"""

from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel import Session

from timebank.base import schema
from timebank.base.errors import NotFound, Refused
from timebank.base.i18n import say
from timebank.tables import metadata


def grants(role: str) -> Iterator[str]:
    """The statements that give a role these rights on the tables of this revision, and take from it any others."""
    name = '"' + role.replace('"', '""') + '"'
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"
    yield "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC"
    yield f"REVOKE ALL ON SCHEMA public FROM {name}"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA public TO {name}"
    yield f"GRANT SELECT ON alembic_version TO {name}"
    for table in metadata.sorted_tables:
        kept = "SELECT, INSERT" if table.name in schema.guards().GUARDED else "SELECT, INSERT, UPDATE"
        yield f"GRANT {kept} ON {table.name} TO {name}"


_STANDING = """
SELECT r.rolsuper OR pg_has_role(r.oid, d.datdba, 'MEMBER') OR EXISTS (
  SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
FROM pg_roles r CROSS JOIN pg_database d WHERE d.datname = current_database() AND r.rolname = :role
"""


def grant(session: Session, role: str) -> None:
    """Give a role its rights. Raises NotFound `no_role`; Refused `owner_role` for an owner, or who may act as one."""
    owns = session.execute(text(_STANDING), {"role": role}).scalar_one_or_none()
    if owns is None:
        raise NotFound(
            say("The server has no role {role}.", role=role),
            "no_role",
            say("Let its administrator create it: CREATE ROLE … LOGIN; this program makes no passwords."),
        )
    if owns:
        raise Refused(
            say("The role {role} is an owner here, or a superuser, or may act as one.", role=role),
            "owner_role",
            say("Let the server's administrator create one that owns nothing: CREATE ROLE … LOGIN"),
        )
    for statement in grants(role):
        session.execute(text(statement))
