"""Checks of an experiment's records: files, data, configuration, and its first steps again."""

from harness.tools.verify.show import as_json, print_rows
from harness.tools.verify.verify import Verification, VerifyRequest, verify

__all__ = ["Verification", "VerifyRequest", "as_json", "print_rows", "verify"]
