"""The venues that come with flowrs, each a plugin that uses only the public API."""
