"""The tax service, emulated: both protocols, invented people, faults on demand. `README.md` beside this file tells how.

It is written from the description of the protocols alone. The client of the real service
(`adapters/providers/nalog`) shares no code with it, so that one's misreading does not hide the other's.
"""
