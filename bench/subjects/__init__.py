"""What the benchmark measures, a subject a module: `measure` takes the servers of a run."""
