"""`inn batch`: asks for every row of a table, and writes the table anew with the answers.

- A run writes the answers, in the order of the rows, to a journal beside OUT (OUT.part). When it ends, or is
  interrupted, OUT is made of the input and the journal, in one step. After a `kill -9` the journal stays, and the
  next run begins by making OUT of it.
- A row that OUT holds is not asked for again, unless it failed. Rows are compared by their place and by what stands
  in the input's columns: no row is ever given another's answer.
- Neither the input nor the output is ever held in memory: both are read row by row.
"""
