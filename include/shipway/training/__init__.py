"""The room of training: snapshot, fit, evaluate."""
