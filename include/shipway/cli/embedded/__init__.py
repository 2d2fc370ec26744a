"""The embedded default: PostgreSQL, Airflow and the local target on one machine, and the demo's story."""
