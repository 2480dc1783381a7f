"""What an operator may command, and how a command reaches the one process that may write."""
