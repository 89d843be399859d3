"""Runs migrations on the connection it is handed (timebank.base.schema); knows all tables through timebank.tables."""

from alembic import context

from timebank.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=False, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
