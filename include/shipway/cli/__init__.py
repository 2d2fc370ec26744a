"""The room of the command line: the command ``shipway``."""
