-- The store: objects with their change log, and the journal of workflows.

-- One row. `version` is the last resourceVersion given out; changes up to `compacted` are forgotten.
CREATE TABLE counter (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  compacted INTEGER NOT NULL
);
INSERT INTO counter (id, version, compacted) VALUES (1, 0, 0);

-- What an object holds besides metadata and status, as JSON. Rows never change: a new spec is a new row, so that
-- the change log and the object share one copy.
CREATE TABLE body (
  id INTEGER PRIMARY KEY,
  json BLOB NOT NULL
);

-- `kind` is Kind.group. `metadata` is JSON without resourceVersion, which is `version`. `status` is JSON or null.
-- `written` is the time of the last write, in seconds since 1970.
CREATE TABLE object (
  id INTEGER PRIMARY KEY,
  uid TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  written INTEGER NOT NULL,
  metadata BLOB NOT NULL,
  body INTEGER NOT NULL REFERENCES body (id),
  status BLOB,
  UNIQUE (kind, namespace, name)
);
CREATE INDEX object_namespace ON object (namespace);
CREATE INDEX object_body ON object (body);

-- metadata.ownerReferences, turned round.
CREATE TABLE owner (
  object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  uid TEXT NOT NULL,
  PRIMARY KEY (object, uid)
) WITHOUT ROWID;
CREATE INDEX owner_uid ON owner (uid);

-- What watchers read. A row without metadata is a commit of the journal: it stands for the object as it is now, and
-- there is at most one such row per object. `labels` are the labels before the change, null if they stayed.
CREATE TABLE change (
  version INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  uid TEXT NOT NULL,
  type TEXT NOT NULL,
  metadata BLOB,
  body INTEGER REFERENCES body (id),
  status BLOB,
  labels BLOB
);
CREATE INDEX change_kind ON change (kind, version);
CREATE INDEX change_body ON change (body);

-- The workflow journal: nodes as rows, the engine's own state, commands not yet done, requests not yet seen.
CREATE TABLE node (
  object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  json BLOB NOT NULL,
  PRIMARY KEY (object, id)
) WITHOUT ROWID;

CREATE TABLE engine (
  object INTEGER PRIMARY KEY REFERENCES object (id) ON DELETE CASCADE,
  json BLOB NOT NULL
);

CREATE TABLE command (
  object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  json BLOB NOT NULL,
  PRIMARY KEY (object, id)
) WITHOUT ROWID;

CREATE TABLE request (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  object INTEGER NOT NULL REFERENCES object (id) ON DELETE CASCADE,
  json BLOB NOT NULL
);
CREATE INDEX request_object ON request (object);
