"""One module per revision, in order. There is no way down: history is not for deleting."""
