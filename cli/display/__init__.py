"""What commands show: rows for tables and JSON, lines and patches for people, one page to print."""
