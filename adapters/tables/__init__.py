"""Tables of persons, CSV or XLSX: finds their headings, reads their rows as requests, and writes them with the answers."""
