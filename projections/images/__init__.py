"""Images: their layers, configs and sizes, and what became of them."""
