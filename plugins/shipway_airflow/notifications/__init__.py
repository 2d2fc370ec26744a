"""The Airflow layer: how messages travel."""
