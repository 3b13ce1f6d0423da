"""What handlers report in numbers."""
