"""The tax service, emulated: both protocols, invented people, faults on demand."""
