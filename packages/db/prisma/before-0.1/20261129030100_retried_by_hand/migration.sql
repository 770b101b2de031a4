-- A due time counts once: what somebody asked for again adds no failure to its schedule. The version before writes no such mark, and counts as before.
ALTER TABLE "tasks" ADD COLUMN "retried_by_hand" BOOLEAN NOT NULL DEFAULT false;
