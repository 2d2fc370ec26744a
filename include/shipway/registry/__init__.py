"""The room of the registries: where versions and aliases live."""
