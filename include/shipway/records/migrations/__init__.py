"""The tables of the records, as Alembic migrations; :mod:`shipway.records.migrate` runs them."""
