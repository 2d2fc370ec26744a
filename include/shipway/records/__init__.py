"""The room of the records: PostgreSQL tables, migrations and queries."""
