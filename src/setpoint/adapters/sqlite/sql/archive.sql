-- name: keep
INSERT INTO archived_workflow (uid, namespace, name, created, started, finished, ended, body, metadata, status, nodes)
VALUES (:uid, :namespace, :name, :created, :started, :finished, :ended, :body, :metadata, :status, :nodes)
ON CONFLICT (uid) DO UPDATE SET
  started = excluded.started, finished = excluded.finished, ended = excluded.ended, body = excluded.body,
  metadata = excluded.metadata, status = excluded.status, nodes = excluded.nodes;

-- name: known
SELECT body FROM archived_workflow WHERE uid = ?;

-- name: heads
SELECT a.id, a.metadata
FROM archived_workflow a
WHERE (:namespace IS NULL OR a.namespace = :namespace)
  AND (:exact = '' OR a.name = :exact)
  AND (:part = '' OR instr(a.name, :part) > 0)
  AND (:prefix = '' OR substr(a.name, 1, length(:prefix)) = :prefix)
  AND (:created_after IS NULL OR a.created > :created_after)
  AND (:started_after IS NULL OR a.started > :started_after)
  AND (:started_before IS NULL OR a.started < :started_before)
  AND (:finished_before IS NULL OR (a.finished > 0 AND a.finished < :finished_before))
  AND (NOT :gone OR NOT EXISTS (SELECT 1 FROM object o WHERE o.uid = a.uid))
ORDER BY a.started DESC, a.id DESC;

-- name: listed
SELECT a.metadata, b.json, a.status, NULL FROM archived_workflow a JOIN body b ON b.id = a.body WHERE a.id = ?;

-- name: get
SELECT a.metadata, b.json, a.status, a.nodes FROM archived_workflow a JOIN body b ON b.id = a.body WHERE a.uid = ?;

-- name: newest
SELECT uid FROM archived_workflow WHERE namespace = ? AND name = ? ORDER BY started DESC, id DESC LIMIT 1;

-- name: delete
DELETE FROM archived_workflow WHERE uid = ?;

-- name: stale
SELECT uid FROM archived_workflow WHERE ended < ? ORDER BY ended LIMIT 500;

-- name: metadata
SELECT metadata FROM archived_workflow WHERE :namespace IS NULL OR namespace = :namespace;
