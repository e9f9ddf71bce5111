"""Is this machine ready for a comparison, and if not, what helps? `cyclebench doctor`.

`examine.py` has the checks in order, each module beside it some of them. Nothing is imported here:
`probe.py` starts in processes of its own, which are to be quick.
"""
