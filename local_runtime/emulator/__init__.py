"""The emulated tax service: both protocols, invented people, faults on demand. See `README.md` in this folder.

It is written from the description of the protocols alone, and shares no code with the client of the real service
(`adapters/providers/nalog`), so that a misreading in one does not hide the same in the other.
"""
