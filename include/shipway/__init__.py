"""Shipway: continuous delivery for TensorFlow models, from registration to retraining.

The domain library: plain Python, imports no Airflow. What notebooks need lies in :mod:`shipway.api`;
the command line is ``shipway`` (:mod:`shipway.cli`).
"""

__version__ = "0.1.0"
