"""The room of the targets: what runs the releases of a stage."""
