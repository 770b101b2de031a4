-- Due times in a row whose flow was not at its server any more: two of them pause the schedule. The version before counts none.
ALTER TABLE "schedule_outcomes" ADD COLUMN "flows_missing" INTEGER NOT NULL DEFAULT 0;
