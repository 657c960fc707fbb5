"""Addresses that a server listens on."""

import ipaddress


def is_open(host: str) -> bool:
    """Whether other machines reach an address."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
