-- Addresses that discovery is done with. The previous version of Spark does not discover, and works on.

CREATE TABLE "discoveries" (
    "url" TEXT NOT NULL,
    "found_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "discoveries_pkey" PRIMARY KEY ("url")
);
