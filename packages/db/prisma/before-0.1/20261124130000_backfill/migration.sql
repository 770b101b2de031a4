-- Backfills. The previous version of Spark works on: its spans have no plan, and are then read by the plan that their schedule has.

ALTER TABLE "occurrences" ADD COLUMN "plan" JSONB;

-- A due time has one task, be it made by the plan or by a backfill.
CREATE UNIQUE INDEX tasks_due_once_of_both ON tasks (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'backfill');
DROP INDEX tasks_due_once;
ALTER INDEX tasks_due_once_of_both RENAME TO tasks_due_once;
