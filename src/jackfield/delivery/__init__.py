"""What is owed goes out: taken when due, signed, sent, and its outcome recorded."""
