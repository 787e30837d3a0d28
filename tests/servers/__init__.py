"""Private servers for tests and benchmarks: started on free ports, in folders of their own, and sure to end."""
