"""What differs between two views, path by path and line by line."""
