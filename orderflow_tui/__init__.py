"""A terminal trading console for CME index futures order flow."""

__version__ = "0.1.0"
