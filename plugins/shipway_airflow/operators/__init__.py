"""The Airflow layer: one operator per task of the loop."""
