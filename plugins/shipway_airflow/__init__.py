"""The Airflow layer of Shipway: operators, hooks, triggers, notifications and the performance page."""
