-- Cron is read as Debian's cron reads it. What was stored before is read again once, by both rules, at the first start; what is made from now
-- on is not. `warnings` says what became of it, until somebody saves the schedule again.
ALTER TABLE "schedules" ADD COLUMN "warnings" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "cron_reread" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "schedules" ALTER COLUMN "cron_reread" SET DEFAULT true;
