-- Schedules that pause themselves when their runs fail. The previous version of Spark works on: it pauses none, and its rows have no limit.

ALTER TABLE "schedules" ADD COLUMN "pause_after_failures" INTEGER;

ALTER TABLE schedules ADD CONSTRAINT schedules_pause_after_failures CHECK (pause_after_failures >= 1);

-- Few schedules fail: those are looked through, not all that could be paused.
CREATE INDEX schedule_outcomes_failing ON schedule_outcomes (schedule_id) WHERE consecutive_failures > 0;
