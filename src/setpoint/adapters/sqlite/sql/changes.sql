-- name: counter
SELECT version, compacted FROM counter;

-- name: set_version
UPDATE counter SET version = ?;

-- name: record
INSERT INTO change (version, kind, namespace, uid, type, metadata, body, status, labels)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: move
UPDATE change SET version = ? WHERE version = ? AND metadata IS NULL;

-- name: after
SELECT c.version, c.type, c.uid, c.metadata, b.json, c.status, c.labels
FROM change c LEFT JOIN body b ON b.id = c.body
WHERE c.kind = :kind AND c.version > :after AND (:namespace IS NULL OR c.namespace = :namespace)
ORDER BY c.version
LIMIT :limit;

-- name: boundary
SELECT version FROM change ORDER BY version DESC LIMIT 1 OFFSET ?;

-- name: bodies
SELECT DISTINCT body FROM change WHERE version <= ? AND body IS NOT NULL;

-- name: forget
DELETE FROM change WHERE version <= ?;

-- name: set_compacted
UPDATE counter SET compacted = ?;

-- name: drop_body
DELETE FROM body
WHERE id = :body
  AND NOT EXISTS (SELECT 1 FROM object WHERE body = :body)
  AND NOT EXISTS (SELECT 1 FROM archived_workflow WHERE body = :body)
  AND NOT EXISTS (SELECT 1 FROM change WHERE body = :body);
