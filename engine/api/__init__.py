"""Scripts' way in: REST over HTTP. One table of operations per listener routes, validates and describes. On the loop.

`operations` is the vocabulary of the tables, `management` and `inference` hold them, `router` finds the row of a path,
`answers` turns results and errors into responses, `listener` puts a table behind a port. HTTP codes stay in here.
"""
