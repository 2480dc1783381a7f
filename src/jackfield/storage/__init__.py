"""The door to the database: one schema, two engines; nothing outside this folder knows SQL."""
