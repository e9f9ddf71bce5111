"""Checks of an experiment's records: files, data, configuration, and its first steps again."""

from harness.tools.verify.verify import Verification, VerifyRequest, as_json, print_rows, verify

__all__ = ["Verification", "VerifyRequest", "as_json", "print_rows", "verify"]
