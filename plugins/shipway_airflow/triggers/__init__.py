"""The Airflow layer: waiting without a worker slot."""
