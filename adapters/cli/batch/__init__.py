"""`inn batch`: looks up every row of a table, and writes the table with the answers.

- A run keeps the answers in a journal beside OUT (OUT.part), as they come. When it ends, or is interrupted, OUT is made
  of the input and the journal, in one step. After a `kill -9` the journal stays, and the next run goes on with it.
- A row in OUT is not looked up again, unless it failed. Rows are compared by their number and the input's cells: no
  row gets another's answer.
"""
