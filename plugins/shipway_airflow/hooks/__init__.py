"""The Airflow layer: Airflow Connections become clients."""
