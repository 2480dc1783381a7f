"""The doors that speak HTTP: what clients, operators and providers call."""
