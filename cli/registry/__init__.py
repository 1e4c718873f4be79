"""Registries: the OCI distribution spec and Docker's registry v2 over HTTP; knows no store."""
