"""A site of everything that was measured: pages that link to each other and need no server."""
