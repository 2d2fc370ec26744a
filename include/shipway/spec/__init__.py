"""The room of the specs: ``model.yaml`` and ``environment.yaml`` as frozen values."""
