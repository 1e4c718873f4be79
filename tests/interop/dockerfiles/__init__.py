"""Small Dockerfiles, one for each rule of Docker's reference, built by layerlog and by buildah, and compared."""
