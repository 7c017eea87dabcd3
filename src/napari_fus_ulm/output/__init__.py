"""What is written for people: figures and tables."""
