"""One folder for each heading of `layerlog --help`, one function for each command."""
