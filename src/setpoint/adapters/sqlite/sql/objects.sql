-- name: find
SELECT o.id, o.uid, o.kind, o.namespace, o.name, o.version, o.metadata, o.body, b.json, o.status
FROM object o JOIN body b ON b.id = o.body
WHERE o.kind = ? AND o.namespace = ? AND o.name = ?;

-- name: find_uid
SELECT o.id, o.uid, o.kind, o.namespace, o.name, o.version, o.metadata, o.body, b.json, o.status
FROM object o JOIN body b ON b.id = o.body
WHERE o.uid = ?;

-- name: list_all
SELECT o.id, o.uid, o.kind, o.namespace, o.name, o.version, o.metadata, o.body, b.json, o.status
FROM object o JOIN body b ON b.id = o.body
WHERE o.kind = ?
ORDER BY o.namespace, o.name;

-- name: list_namespace
SELECT o.id, o.uid, o.kind, o.namespace, o.name, o.version, o.metadata, o.body, b.json, o.status
FROM object o JOIN body b ON b.id = o.body
WHERE o.kind = ? AND o.namespace = ?
ORDER BY o.name;

-- name: in_namespace
SELECT uid FROM object WHERE namespace = ? ORDER BY id;

-- name: namespace_in_use
SELECT 1 FROM object WHERE namespace = ? LIMIT 1;

-- name: taken
SELECT 1 FROM object WHERE kind = ? AND namespace = ? AND name = ?;

-- name: dependents
SELECT object.uid FROM owner JOIN object ON object.id = owner.object WHERE owner.uid = ? ORDER BY object.id;

-- name: stale
SELECT uid FROM object WHERE kind = ? AND written < ? LIMIT 500;

-- name: insert_body
INSERT INTO body (json) VALUES (?);

-- name: insert
INSERT INTO object (uid, kind, namespace, name, version, written, metadata, body, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: replace
UPDATE object SET version = ?, written = ?, metadata = ?, body = ?, status = ? WHERE id = ?;

-- name: delete
DELETE FROM object WHERE id = ?;

-- name: drop_owners
DELETE FROM owner WHERE object = ?;

-- name: insert_owner
INSERT OR IGNORE INTO owner (object, uid) VALUES (?, ?);
