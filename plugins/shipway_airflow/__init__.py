"""The Airflow layer of Shipway: operators, hooks, triggers and notifications."""
