"""One tree of schema changes for both databases, run when the store is opened."""
