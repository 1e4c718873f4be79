"""Documents of the OCI image-spec and Docker's: read strictly, written in one way; no store is known here."""
