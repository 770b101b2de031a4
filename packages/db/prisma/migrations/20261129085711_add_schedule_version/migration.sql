-- AlterTable
ALTER TABLE "schedules" ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1;

