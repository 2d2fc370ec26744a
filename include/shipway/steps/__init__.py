"""The room of the steps: one module per task of the loop, the only place that puts the rooms below together."""
