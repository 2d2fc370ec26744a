"""The room of monitoring: KS and its kin, windows, verdict."""
