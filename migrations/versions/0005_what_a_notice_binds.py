"""What a notice binds: the hash of the content that hung out

Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("notice", sa.Column("binds", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("notice", "binds")
