-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "sources" (
    "id" UUID NOT NULL,
    "name" TEXT,
    "source_type" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "api_key" TEXT,
    "status" TEXT NOT NULL,
    "health" TEXT NOT NULL DEFAULT 'unknown',
    "health_reason" TEXT,
    "checked_at" TIMESTAMPTZ(3),
    "hold_from" TIMESTAMPTZ(3),
    "hold_until" TIMESTAMPTZ(3),
    "max_concurrency" INTEGER NOT NULL,
    "version_info" JSONB,
    "version" INTEGER NOT NULL DEFAULT 1,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sources_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workflows" (
    "id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "remote_flow_id" TEXT NOT NULL,
    "flow_type" TEXT NOT NULL,
    "flow_version" INTEGER NOT NULL DEFAULT 1,
    "graph_hash" TEXT NOT NULL,
    "input_component" TEXT,
    "output_component" TEXT,
    "is_component" BOOLEAN NOT NULL,
    "folder_id" TEXT,
    "folder_name" TEXT,
    "icon" TEXT,
    "icon_bg_color" TEXT,
    "liked" BOOLEAN NOT NULL,
    "tags" JSONB NOT NULL,
    "warnings" JSONB NOT NULL,
    "data" JSONB,
    "streams_only" BOOLEAN NOT NULL DEFAULT false,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workflows_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "schedules" (
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "name" TEXT,
    "schedule_type" TEXT NOT NULL,
    "schedule_expr" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "anchor" TIMESTAMPTZ(3) NOT NULL,
    "start_at" TIMESTAMPTZ(3),
    "end_at" TIMESTAMPTZ(3),
    "input_value" JSONB,
    "session_id" TEXT,
    "tweaks" JSONB,
    "timeout" INTEGER,
    "overlap" TEXT NOT NULL,
    "max_runs" INTEGER,
    "status" TEXT NOT NULL,
    "paused_reason" TEXT,
    "decided_until" TIMESTAMPTZ(3),
    "next_due_at" TIMESTAMPTZ(3),
    "next_run_at" TIMESTAMPTZ(3),
    "last_run_at" TIMESTAMPTZ(3),
    "run_count" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "schedules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "schedule_outcomes" (
    "schedule_id" UUID NOT NULL,
    "last_success_at" TIMESTAMPTZ(3),
    "consecutive_failures" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "schedule_outcomes_pkey" PRIMARY KEY ("schedule_id")
);

-- CreateTable
CREATE TABLE "occurrences" (
    "schedule_id" UUID NOT NULL,
    "scheduled_for" TIMESTAMPTZ(3) NOT NULL,
    "until" TIMESTAMPTZ(3),
    "decided_at" TIMESTAMPTZ(3) NOT NULL,
    "decision" TEXT NOT NULL,
    "reason" TEXT,
    "count" INTEGER NOT NULL DEFAULT 1,
    "count_at_least" BOOLEAN NOT NULL DEFAULT false,
    "task_id" UUID,

    CONSTRAINT "occurrences_pkey" PRIMARY KEY ("schedule_id","scheduled_for")
);

-- CreateTable
CREATE TABLE "tasks" (
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "schedule_id" UUID,
    "status" TEXT NOT NULL,
    "phase" TEXT,
    "trigger" TEXT NOT NULL,
    "priority" SMALLINT NOT NULL,
    "serial_key" UUID,
    "scheduled_for" TIMESTAMPTZ(3),
    "input" JSONB,
    "session_id" TEXT,
    "tweaks" JSONB,
    "timeout" INTEGER NOT NULL,
    "output" JSONB,
    "error" TEXT,
    "error_code" TEXT,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "max_retries" INTEGER NOT NULL DEFAULT 0,
    "retry_on" TEXT NOT NULL DEFAULT 'safe',
    "ready_at" TIMESTAMPTZ(3) NOT NULL,
    "next_retry_at" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "worker_id" UUID,
    "token" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "marked_at" TIMESTAMPTZ(3),
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "replay_of" UUID,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "tasks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "task_outputs" (
    "task_id" UUID NOT NULL,
    "output" JSONB NOT NULL,

    CONSTRAINT "task_outputs_pkey" PRIMARY KEY ("task_id")
);

-- CreateTable
CREATE TABLE "task_events" (
    "id" BIGSERIAL NOT NULL,
    "task_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "try" INTEGER NOT NULL,

    CONSTRAINT "task_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workers" (
    "id" UUID NOT NULL,
    "hostname" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "current_tasks" INTEGER NOT NULL,
    "concurrency" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "last_heartbeat" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "workflows_source_id_id_idx" ON "workflows"("source_id", "id");

-- CreateIndex
CREATE INDEX "schedules_workflow_id_id_idx" ON "schedules"("workflow_id", "id");

-- CreateIndex
CREATE INDEX "occurrences_task_id_idx" ON "occurrences"("task_id");

-- CreateIndex
CREATE INDEX "tasks_workflow_id_id_idx" ON "tasks"("workflow_id", "id");

-- CreateIndex
CREATE INDEX "tasks_schedule_id_id_idx" ON "tasks"("schedule_id", "id");

-- CreateIndex
CREATE INDEX "tasks_status_id_idx" ON "tasks"("status", "id");

-- CreateIndex
CREATE INDEX "task_events_task_id_id_idx" ON "task_events"("task_id", "id");

-- AddForeignKey
ALTER TABLE "workflows" ADD CONSTRAINT "workflows_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_workflow_id_fkey" FOREIGN KEY ("workflow_id") REFERENCES "workflows"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "schedule_outcomes" ADD CONSTRAINT "schedule_outcomes_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_workflow_id_fkey" FOREIGN KEY ("workflow_id") REFERENCES "workflows"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_outputs" ADD CONSTRAINT "task_outputs_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "task_events" ADD CONSTRAINT "task_events_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;
