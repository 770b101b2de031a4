-- NULL: not known. Marks of before were set at the first empty answer, without proof.
ALTER TABLE "workflows" ALTER COLUMN "streams_only" DROP DEFAULT, ALTER COLUMN "streams_only" DROP NOT NULL;
UPDATE "workflows" SET "streams_only" = NULL;
