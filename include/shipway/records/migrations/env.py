"""Alembic's entry: run on the connection and inside the transaction that ``migrate`` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="migration",
    version_table_schema="shipway",
    transaction_per_migration=False,
)
context.run_migrations()
