"""Work on the whole store, without a terminal: verified, mended, erased, signed."""
