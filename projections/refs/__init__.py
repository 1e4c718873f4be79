"""What names mean: REF[@POINT], tags and containers; nothing is read below them."""
