-- Mostly nothing is left of what was deleted, and that is asked every second.
CREATE INDEX sources_deleted ON sources (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX workflows_deleted ON workflows (id) WHERE deleted_at IS NOT NULL;
