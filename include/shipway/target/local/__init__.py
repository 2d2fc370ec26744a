"""The local target: processes on this machine, kept by a supervisor."""
