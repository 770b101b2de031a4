-- What a worker cannot do, and why: API and worker are processes of their own, and `/health` is asked of the API.
ALTER TABLE "workers" ADD COLUMN "trouble" TEXT;
