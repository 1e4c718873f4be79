"""What users type: completed, parsed, refused."""
