-- name: find
SELECT id, kind, namespace, version FROM object WHERE uid = ?;

-- name: move
UPDATE object SET version = ?, written = ?, status = coalesce(?, status) WHERE id = ?;

-- name: nodes
SELECT id, json FROM node WHERE object = ? ORDER BY id;

-- name: nodes_of_kind
SELECT n.object, n.id, n.json FROM object o JOIN node n ON n.object = o.id WHERE o.kind = ? ORDER BY n.object, n.id;

-- name: engine
SELECT json FROM engine WHERE object = ?;

-- name: commands
SELECT id, json FROM command WHERE object = ? ORDER BY id;

-- name: requests
SELECT sequence, json FROM request WHERE object = ? ORDER BY sequence;

-- name: put_node
INSERT INTO node (object, id, json) VALUES (?, ?, ?) ON CONFLICT (object, id) DO UPDATE SET json = excluded.json;

-- name: drop_node
DELETE FROM node WHERE object = ? AND id = ?;

-- name: put_engine
INSERT INTO engine (object, json) VALUES (?, ?) ON CONFLICT (object) DO UPDATE SET json = excluded.json;

-- name: pending
-- Workflows with orders that are not done.
SELECT DISTINCT object.uid FROM command JOIN object ON object.id = command.object;

-- name: put_command
INSERT INTO command (object, id, json) VALUES (?, ?, ?) ON CONFLICT (object, id) DO UPDATE SET json = excluded.json;

-- name: drop_command
DELETE FROM command WHERE object = ? AND id = ?;

-- name: put_request
INSERT INTO request (object, json) VALUES (?, ?);

-- name: drop_request
DELETE FROM request WHERE object = ? AND sequence = ?;

-- name: waiting
SELECT object.uid, max(request.sequence)
FROM request JOIN object ON object.id = request.object
WHERE request.sequence > ?
GROUP BY object.uid
ORDER BY min(request.sequence);
