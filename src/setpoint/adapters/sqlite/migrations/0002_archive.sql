-- The archive of workflows that have ended. Times are in microseconds since 1970, 0 if unknown; `ended` is when the
-- copy was written, in seconds. `body` is shared with the object and the change log. `status` lacks the nodes, which are
-- `nodes`, a JSON object. Large columns come last: what is looked for lies before them.
CREATE TABLE archived_workflow (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  created INTEGER NOT NULL,
  started INTEGER NOT NULL,
  finished INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  body INTEGER NOT NULL REFERENCES body (id),
  metadata BLOB NOT NULL,
  status BLOB NOT NULL,
  nodes BLOB NOT NULL
);
CREATE INDEX archived_body ON archived_workflow (body);
CREATE INDEX archived_ended ON archived_workflow (ended);
