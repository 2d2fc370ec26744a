"""Read CSV files of applicants and of their outcomes."""
