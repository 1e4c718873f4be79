"""Host files, read as Changes and written from views."""
