"""The speed goals, measured as ratios to floors in the same run; nothing here asserts a time."""
