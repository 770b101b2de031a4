-- What a user chose outlives the next sync. The previous version of Spark works on: it forgets a choice, as before.
ALTER TABLE "workflows" ADD COLUMN "chosen_input" TEXT, ADD COLUMN "chosen_output" TEXT;
