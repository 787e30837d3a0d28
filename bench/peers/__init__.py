"""What this project is measured against: the least that each host or library does, written as its own guide says."""
